"""Writes the files that are made from the contract: `make contract`."""

import json
from pathlib import Path

import yaml

from contract import asyncapi, guide
from contract.catalogue import CATALOGUE
from contract.shapes import schema

ROOT = Path(__file__).resolve().parent.parent


def documents() -> dict[Path, str]:
    """Each generated file and what must stand in it."""
    schemas = {
        ROOT / f"contract/schemas/{entry.event.type()}.json": _json(schema(entry.event))
        for entry in CATALOGUE
    }
    return schemas | {
        ROOT / "contract/asyncapi.yaml": _yaml(asyncapi.document()),
        ROOT / "docs/events.md": guide.page(),
    }


def _json(made: object) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _yaml(made: object) -> str:
    return yaml.dump(
        made, Dumper=_Whole, sort_keys=False, allow_unicode=True, width=100
    )


class _Whole(yaml.SafeDumper):
    """Writes a shape out each time: anchors are for programs, and people read this."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        return True


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
