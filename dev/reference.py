"""The reference pages of `docs/`, from the code: `make docs`.

Settings, metrics and refusal codes are declared in one place each; these pages list them.
"""

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from inspect import getmembers, getsource, isclass
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings

import chassis
from chassis import metrics as common_metrics
from chassis.refusal import Refusal
from chassis.settings import Settings
from chassis.topics import TopicSettings
from chassis.web import STATUSES
from contract.catalogue import SERVICES

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- Made by `make docs` from the code. -->"


def settings_page() -> str:
    return _page(
        "Settings",
        "Read from the environment once, at the start. A service that is told something wrong says all of it "
        "at once and does not start.\n\nA secret may instead stand in a file of its name, in lower case, in the "
        "folder that `SECRETS_DIR` names. No secret has a default.\n\n"
        "A length of time is written as in ISO 8601 (`PT15M`, `P30D`) or in seconds.",
        ("Every service", _settings_table(Settings, Settings.model_fields)),
        (
            "The topics (`python -m chassis.topics`)",
            _settings_table(TopicSettings, TopicSettings.model_fields),
        ),
        *(
            (service, _settings_table(kind, own_settings(kind)))
            for service in SERVICES
            for kind in (settings_of(service),)
        ),
    )


def settings_of(service: str) -> type[Settings]:
    """The settings class of a service: the one that its own `settings` module defines."""
    module = import_module(f"services.{service}.settings")
    (kind,) = (
        kind
        for _, kind in getmembers(module, isclass)
        if issubclass(kind, Settings) and kind.__module__ == module.__name__
    )
    return kind


def own_settings(kind: type[Settings]) -> list[str]:
    return [name for name in kind.model_fields if name not in Settings.model_fields]


def _settings_table(kind: type[BaseSettings], names: Iterable[str]) -> str:
    defaults = kind.model_construct()
    rows = (
        (
            f"`{name.upper()}`",
            _default(kind.model_fields[name], getattr(defaults, name, None)),
            kind.model_fields[name].description or "",
        )
        for name in names
    )
    return _table(("setting", "default", "meaning"), rows)


def _default(field: FieldInfo, value: object) -> str:
    secret = ", secret" if "SecretStr" in str(field.annotation) else ""
    if field.is_required():
        return f"**required**{secret}"
    if value is None or value == "" or isinstance(value, SecretStr):
        return f"none{secret}"
    plain = to_jsonable_python(value)
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"


def metrics_page() -> str:
    return _page(
        "Metrics",
        "For Prometheus, at `/metrics` on the port of operations (`OPS_PORT`). A label never names a person.",
        ("Every service", _metrics_table(common_metrics)),
        *((service, _metrics_table(metrics_module(service))) for service in SERVICES),
    )


def metrics_module(service: str) -> ModuleType:
    return import_module(f"services.{service}.metrics")


def metrics_of(module: ModuleType) -> list[MetricWrapperBase]:
    made = [
        each for _, each in getmembers(module) if isinstance(each, MetricWrapperBase)
    ]
    return sorted(made, key=name_of)


def name_of(metric: MetricWrapperBase) -> str:
    """The name as Prometheus has it."""
    (family,) = metric.describe()
    return f"{family.name}_total" if family.type == "counter" else family.name


def _metrics_table(module: ModuleType) -> str:
    rows = (
        (
            f"`{name_of(metric)}`",
            metric._type,  # noqa: SLF001 - the library tells it in no other way
            ", ".join(metric._labelnames),  # noqa: SLF001
            metric._documentation,  # noqa: SLF001
        )
        for metric in metrics_of(module)
    )
    return _table(("metric", "kind", "labels", "meaning"), rows)


def refusals_page() -> str:
    return _page(
        "Refusals",
        "Every request that is refused is answered as `application/problem+json` with a `code`. The code never "
        "changes; the text may. `429` and `503` carry `Retry-After`. When something that a service leans on does not "
        "answer, the code is `unavailable` (503) and nothing was done; a fault of ours is `failed` (500).\n\n"
        "On the way back from an identity provider the browser is led to the page `/sorry/<code>` instead. A code "
        "without a status ends a connection to signalling ([protocol](protocol.md)).",
        ("Every service", _refusals_table("chassis", chassis)),
        *(
            (service, _refusals_table(service, import_module(f"services.{service}")))
            for service in SERVICES
        ),
    )


def refusals_of(package: ModuleType) -> list[type[Refusal]]:
    """The refusals that the modules of a package define, by code."""
    found = {
        kind.code: kind
        for module in _modules(package)
        for _, kind in getmembers(module, isclass)
        if issubclass(kind, Refusal)
        and kind.__module__ == module.__name__
        and hasattr(kind, "code")
    }
    return [found[code] for code in sorted(found)]


def statuses_of(service: str) -> dict[type[Refusal], int]:
    if service == "chassis":
        return dict(STATUSES)
    return dict(getattr(import_module(f"services.{service}.web"), "STATUSES", {}))


def _refusals_table(service: str, package: ModuleType) -> str:
    statuses = statuses_of(service)
    texts = _texts(package)
    rows = (
        (
            f"`{kind.code}`",
            str(statuses.get(kind, "")),
            _meaning(kind) or texts.get(kind.__name__, ""),
            _on_the_page(kind.code),
        )
        for kind in refusals_of(package)
    )
    return _table(("code", "status", "meaning", "what the page says"), rows)


def _meaning(kind: type[Refusal]) -> str:
    return (kind.__dict__.get("__doc__") or "").partition("\n")[0]


def _texts(package: ModuleType) -> dict[str, str]:
    """What is said when each refusal is raised."""
    calls = (
        node
        for module in _modules(package)
        for node in ast.walk(ast.parse(getsource(module)))
        if isinstance(node, ast.Call)
    )
    return {
        call.func.id: call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


@cache
def _words() -> dict[str, str]:
    told: dict[str, str] = json.loads(
        (ROOT / "frontend/locales/en.json").read_text("utf-8")
    )
    return told


def _on_the_page(code: str) -> str:
    keys = f"problem.{code}", f"sorry.{code}.title"
    return next((_words()[key] for key in keys if key in _words()), "")


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):
            yield import_module(found.name)


def _page(title: str, introduction: str, *parts: tuple[str, str]) -> str:
    sections = (f"## {name}\n\n{table}" for name, table in parts)
    return "\n\n".join([f"# {title}", MADE, introduction, *sections]) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [_row(row) for row in rows]
    if not lines:
        return "None of its own."
    return "\n".join([_row(heads), _row(["---"] * len(heads)), *lines])


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


PAGES = {
    ROOT / "docs/settings.md": settings_page,
    ROOT / "docs/metrics.md": metrics_page,
    ROOT / "docs/refusals.md": refusals_page,
}


def main() -> None:
    for path, page in PAGES.items():
        path.write_text(page(), "utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
