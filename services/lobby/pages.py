"""The pages: rendered once, at the start, in each language; nothing personal is in them.

Whatever is personal comes by the API to a page that is the same for everyone.
"""

import gzip
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

LANGUAGES = ("sv", "fi", "en")
FOREVER = "public, max-age=31536000, immutable"
SMALL = 256  # bytes: less gains nothing from compression

# Page -> the address its language switch leads to.
ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "start": "/",
        "entry": "/entry",
        "acting": "/acting",
        "handover": "/h",
        "visit": "/visit",
        "staff": "/staff",
        "privacy": "/privacy",
        "accessibility": "/accessibility",
    }
)

# Why a path ended, each with words of its own in the locales.
SORRY = (
    "link_unknown",
    "appointment_cancelled",
    "appointment_over",
    "identification_cancelled",
    "identification_failed",
    "identification_expired",
    "wrong_person",
    "child_needs_own_credentials",
    "guardian_not_confirmed",
    "no_personal_code",
    "staff_not_allowed",
    "unavailable",
    "not_found",
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the front end as browsers get it."""

    body: bytes
    zipped: bytes | None
    kind: str


@dataclass(frozen=True, slots=True)
class Pages:
    """Every page in every language, and the files they use."""

    version: str
    files: Mapping[str, File]
    rendered: Mapping[tuple[str, str], File]

    def page(self, name: str, language: str) -> File:
        return self.rendered[name, language]

    def sorry(self, code: str, language: str) -> File:
        known = code if code in SORRY else "not_found"
        return self.rendered[f"sorry/{known}", language]


def load(folder: Path) -> Pages:
    """Read the front end and render its pages. Raises when a text is missing."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".js", ".css", ".svg", ".json", ".png"}
    }
    version = _version(files)
    rendered = {
        (name, language): _file("page.html", text.encode())
        for language in LANGUAGES
        for name, text in _render(folder, language, f"/static/{version}").items()
    }
    served = {name: _file(name, content) for name, content in files.items()}
    return Pages(version, MappingProxyType(served), MappingProxyType(rendered))


def _version(files: Mapping[str, bytes]) -> str:
    """One name for the whole folder: modules import each other by plain names."""
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:12]


def _render(folder: Path, language: str, static: str) -> dict[str, str]:
    texts: Mapping[str, str] = json.loads(
        (folder / "locales" / f"{language}.json").read_text(encoding="utf-8")
    )
    county = json.loads((folder / "county.json").read_text(encoding="utf-8"))
    environment = Environment(
        loader=FileSystemLoader(folder / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def t(key: str, **values: object) -> str:
        return texts[key].format(**values) if values else texts[key]

    common: dict[str, Any] = {
        "t": t,
        "language": language,
        "languages": LANGUAGES,
        "static": static,
        "county": county,
    }
    pages = {
        name: environment.get_template(f"{name}.html").render(common, path=path)
        for name, path in ADDRESSES.items()
    }
    sorry = environment.get_template("sorry.html")
    for code in SORRY:
        path = f"/sorry/{code}"
        pages[f"sorry/{code}"] = sorry.render(common, path=path, code=code)
    return pages


def _file(name: str, content: bytes) -> File:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    zipped = gzip.compress(content, mtime=0) if len(content) > SMALL else None
    return File(content, zipped, kind)


def preferred(asked: str | None, kept: str | None, accepted: str) -> str:
    """The reader's language: asked for in the address, kept in a cookie, or the browser's."""
    for choice in (asked, kept):
        if choice in LANGUAGES:
            return str(choice)
    wanted = [part.split(";")[0].strip()[:2].lower() for part in accepted.split(",")]
    return next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])
