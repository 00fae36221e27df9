"""What HTML and CSS mail programs show, and a lint that a letter uses nothing else.

The programs: Gmail (web, Android, iOS), Outlook (Windows, which lays out with Word; the new
one and the web; Android, iOS), Apple Mail, Samsung Email, Thunderbird, Yahoo. Each line says
why a thing may be used. **Everywhere** is said of what all of them show. What some do not
show may be used only when nothing is lost without it, and then the line says what happens.
"""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

EVERYWHERE = "everywhere"
Reasons = Mapping[str, str]

TAGS: Reasons = {
    **dict.fromkeys(("html", "head", "title", "meta", "body"), EVERYWHERE),
    "style": "not in Gmail with other accounts, nor in some webmail: all that must "
    "hold is inlined; what is lost is the dark scheme and tighter margins",
    **dict.fromkeys(
        ("table", "tbody", "tr", "td"), f"{EVERYWHERE}; Word lays out these"
    ),
    **dict.fromkeys(("h1", "h2", "p", "ul", "li", "br", "span", "a"), EVERYWHERE),
    "div": "everywhere, but Word knows no width of it: a table stands around each",
}
# Inside conditional comments, which only Outlook for Windows reads.
OUTLOOK_TAGS: Reasons = {
    **dict.fromkeys(("table", "tr", "td", "center", "style", "noscript"), "Word"),
    **dict.fromkeys(("v:roundrect", "w:anchorlock"), "VML, Word's drawings"),
    **dict.fromkeys(
        ("xml", "o:officedocumentsettings", "o:allowpng", "o:pixelsperinch"),
        "Office's own settings: 96 pixels an inch on a dense screen",
    ),
}

ATTRIBUTES: Reasons = {
    "style": EVERYWHERE,
    "class": "everywhere but where the sheet is dropped",
    "href": EVERYWHERE,
    "lang": "read by screen readers where the element stays",
    "dir": EVERYWHERE,
    "role": "kept by Gmail, Apple Mail and Outlook; else a table is read as one",
    "aria-hidden": "kept by Apple Mail and Outlook; else the date is read twice",
    "aria-label": "kept by Apple Mail; else the title is read from the heading",
    "aria-roledescription": "as aria-label",
    "target": "webmail opens a new tab anyway",
    **dict.fromkeys(
        ("width", "align", "valign", "bgcolor", "border", "cellpadding", "cellspacing"),
        f"{EVERYWHERE}; Word believes them more than CSS",
    ),
    **dict.fromkeys(("name", "content", "http-equiv", "type", "media"), "in the head"),
    **dict.fromkeys(("xmlns", "xmlns:v", "xmlns:o", "xmlns:w"), "names VML to Word"),
}
OUTLOOK_ATTRIBUTES: Reasons = {
    **dict.fromkeys(("arcsize", "stroked", "fillcolor"), "VML: how a box is drawn")
}

PROPERTIES: Reasons = {
    **dict.fromkeys(
        (
            *("color", "background", "background-color"),
            *("font-family", "font-size", "font-weight", "line-height"),
            *("letter-spacing", "word-spacing"),
            *("text-align", "vertical-align", "text-decoration", "text-transform"),
            *("padding", "padding-top", "padding-left", "border", "border-top"),
            *("border-color", "border-collapse", "width", "direction"),
        ),
        EVERYWHERE,
    ),
    "margin": "everywhere on paragraphs and lists; not on tables in Word, where none is",
    "display": "none: everywhere, so the preview hides; block and inline-block: Word "
    "lays out as text, and shows VML in place of the button",
    "height": "on VML only",
    "max-width": "not in Word, which gets a table of fixed width by a comment",
    "max-height": "of the hidden preview; not needed where display works",
    "overflow": "as max-height; and corners that are cut",
    "opacity": "as max-height",
    "border-radius": "not in Word: corners are square",
    "white-space": "not in Word: a time may be broken in two lines",
    "word-break": "not in Word, which breaks long words by itself",
    "color-scheme": "Apple Mail; others choose their dark colours themselves",
    "outline": "Outlook's frame of a linked picture, in MJML's sheet",
    **dict.fromkeys(
        (
            *("-webkit-text-size-adjust", "-ms-text-size-adjust"),
            *("mso-table-lspace", "mso-table-rspace", "mso-line-height-rule"),
            *("mso-padding-alt", "v-text-anchor", "-ms-interpolation-mode"),
        ),
        "of one program, and passed over by all others",
    ),
}
DISPLAYS = {"none", "block", "inline-block"}

# A part of a selector: tag, class, id of Outlook, or an Outlook dark-mode mark.
SELECTOR = re.compile(
    r"(#outlook|:root|\[data-ogs[bc]\]|[a-z][a-z0-9]*)?(\.[a-z][\w-]*)*", re.IGNORECASE
)
# Gmail, Apple Mail, Outlook (web, Android, iOS), Samsung and Thunderbird read these;
# where prefers-color-scheme is not known, the letter stays light.
MEDIA = re.compile(
    r"@media (only screen and )?"
    r"\((min-width|max-width|prefers-color-scheme): ?(\d+px|dark)\)"
)
VALUES = (
    (re.compile(r"url\(|image", re.IGNORECASE), "loads something"),
    (re.compile(r"var\(|calc\(|clamp\(|env\("), "is not known to Outlook and Gmail"),
    (re.compile(r"\d(rem|vw|vh|ch|em)\b"), "is not a length that Word knows"),
    (re.compile(r"rgba\(|hsla?\(|#\w{8}\b|oklch"), "is not a colour that Word knows"),
)
# Gmail cuts a letter off here; sheets longer than the second are dropped whole.
LONGEST, LONGEST_SHEET = 102_000, 8_192

# What stands in `[if !mso]` is for everybody else, who see it.
FOR_OUTLOOK = re.compile(r"<!--\[if [^!\]]+\]>(.*?)<!\[endif\]-->", re.DOTALL)
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")


def faults(html: str) -> list[str]:
    """What in a letter some program does not show, or not as it is meant."""
    found = [f"{len(html)} characters"] if len(html.encode()) > LONGEST else []
    found += _Reader(TAGS, ATTRIBUTES).read(FOR_OUTLOOK.sub("", html))
    also = {**TAGS, **OUTLOOK_TAGS}, {**ATTRIBUTES, **OUTLOOK_ATTRIBUTES}
    found += _Reader(*also).read("".join(FOR_OUTLOOK.findall(html)))
    return sorted(set(found))


class _Reader(HTMLParser):
    def __init__(self, tags: Reasons, attributes: Reasons) -> None:
        super().__init__()
        self._tags, self._attributes = tags, attributes
        self._found: list[str] = []
        self._sheet: list[str] | None = None

    def read(self, html: str) -> list[str]:
        self.feed(html)
        self.close()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._tags:
            self._found.append(f"<{tag}>")
        for name, value in attrs:
            if name not in self._attributes:
                self._found.append(f"{name}=")
            if name == "style":
                self._found += _declarations(value or "")
        if tag == "table" and dict(attrs).get("role") != "presentation":
            self._found.append("a table that is read out as one")
        if tag == "style":
            self._sheet = []

    def handle_data(self, data: str) -> None:
        if self._sheet is not None:
            self._sheet.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style" and self._sheet is not None:
            self._found += _sheet("".join(self._sheet))
            self._sheet = None


def _sheet(css: str) -> Iterator[str]:
    if len(css) > LONGEST_SHEET:
        yield f"a sheet of {len(css)} characters"
    for at_rule in re.findall(r"@[^{};]+", css):
        if not MEDIA.fullmatch(at_rule.strip()):
            yield at_rule.strip()
    rest = re.sub(r"@[^{};]+[{;]", "", css)
    for selectors, declarations in RULE.findall(rest):
        for part in re.split(r"[\s>,]+", selectors.strip(" }\n")):
            if not SELECTOR.fullmatch(part):
                yield f"selector {part}"
        yield from _declarations(declarations)


def _declarations(css: str) -> Iterator[str]:
    for each in filter(None, map(str.strip, css.split(";"))):
        name, _, value = (part.strip() for part in each.partition(":"))
        value = value.removesuffix("!important").strip()
        if name not in PROPERTIES:
            yield f"{name}:"
        if name == "display" and value not in DISPLAYS:
            yield f"display: {value}"
        for pattern, why in VALUES:
            if pattern.search(value):
                yield f"{value} {why}"
