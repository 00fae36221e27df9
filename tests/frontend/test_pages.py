"""The pages as they are served: whole, in three languages, with nothing inline and nobody else's."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

FRONTEND = Path(__file__).parents[2] / "frontend"
LANGUAGES = ("sv", "fi", "en")
PAGES = (
    "start",
    "entry",
    "acting",
    "handover",
    "visit",
    "staff",
    "sorry",
    "privacy",
    "accessibility",
)
LINKED = {"www.omaolo.fi", "www.saavutettavuusvaatimukset.fi"}
EMPTY = {"meta", "link", "input", "img", "br", "path", "rect", "circle"}
STATIC = "/static/0123456789ab"
REFERS = {"src", "href", "srcset", "action", "poster", "data"}


class Page(HTMLParser):
    """What stands in a page: its elements, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"} and data.strip():
            self.inline.append(data)


def render(name: str, language: str, code: str = "wrong_person") -> str:
    path = FRONTEND / "locales" / f"{language}.json"
    texts = json.loads(path.read_text(encoding="utf-8"))

    def t(key: str, **values: Any) -> str:
        text: str = texts[key]
        return text.format(**values)

    pages = Environment(
        loader=FileSystemLoader(FRONTEND / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return pages.get_template(f"{name}.html").render(
        t=t,
        language=language,
        languages=LANGUAGES,
        static=STATIC,
        path=f"/{name}",
        code=code,
    )


every_page = pytest.mark.parametrize("name", PAGES)
every_language = pytest.mark.parametrize("language", LANGUAGES)


@every_page
@every_language
def test_a_page_is_whole_in_each_language(name: str, language: str) -> None:
    page = Page(render(name, language))
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    told = [attrs for tag, attrs in page.elements if tag == "html"]
    assert told[0]["lang"] == language
    assert told[0]["data-version"] == "0123456789ab"


@every_page
def test_what_an_element_points_to_is_on_the_page(name: str) -> None:
    page = Page(render(name, "sv"))
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    for _, attrs in page.elements:
        for pointer in ("aria-labelledby", "aria-describedby", "for"):
            assert set(attrs.get(pointer, "").split()) <= ids


@every_page
def test_nothing_is_inline(name: str) -> None:
    page = Page(render(name, "sv"))
    assert page.inline == []
    for tag, attrs in page.elements:
        assert "style" not in attrs, tag
        assert not [attr for attr in attrs if attr.startswith("on")], tag


@every_page
def test_nothing_is_fetched_from_anybody_else(name: str) -> None:
    for tag, attrs in Page(render(name, "sv")).elements:
        for attribute in REFERS & set(attrs):
            host = urlsplit(attrs[attribute]).netloc
            assert host == "" or (tag == "a" and host in LINKED), attrs[attribute]


@pytest.mark.parametrize("suffix", ["js", "css"])
def test_modules_and_styles_name_no_other_address(suffix: str) -> None:
    for path in FRONTEND.glob(f"*.{suffix}"):
        assert not re.search(r"//[a-z0-9.-]+\.[a-z]{2,}", path.read_text()), path.name


@every_page
def test_every_file_that_a_page_names_is_there(name: str) -> None:
    for _, attrs in Page(render(name, "fi")).elements:
        for attribute in ("src", "href"):
            address = attrs.get(attribute, "")
            if address.startswith(STATIC):
                assert (FRONTEND / address.removeprefix(f"{STATIC}/")).is_file()


@every_language
def test_the_link_is_never_in_the_page(language: str) -> None:
    switch = [
        attrs["href"]
        for _, attrs in Page(render("entry", language)).elements
        if "data-language" in attrs
    ]
    assert switch == [f"/entry?lang={other}" for other in LANGUAGES]


def test_an_unknown_code_is_sorry_like_an_unknown_page() -> None:
    assert render("sorry", "en", "something_new") == render("sorry", "en", "not_found")
