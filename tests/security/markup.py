"""What of a page would run, and what of its text could turn the rest of a line around."""

from html.parser import HTMLParser

# Marks that change the direction of what follows them (UAX #9), until something ends them.
TURNING = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
# Elements whose text is laid out on its own, or is no line of a page at all.
ISOLATING = frozenset({"bdi", "option", "textarea", "title", "code", "pre", "td", "dd", "output"})
# Elements that have no end tag (HTML §13.1.2).
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


class Inspection(HTMLParser):
    """`runs`: tags and attributes that would run something. `turned`: texts that turn their neighbours around.

    `text` is everything that the page shows or has in its fields.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.runs: list[str] = []
        self.turned: list[str] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith(("/static/", "/admin/jsi18n/")):
            self.runs.append(f"<script {given}>")
        if tag in ("img", "iframe", "object", "embed", "style", "svg") and given.get("src") == "x":
            self.runs.append(f"<{tag} {given}>")
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.runs.append(f"<{tag} {name}={value}>")
            if name in ("value", "title", "aria-label", "content"):
                self._texts.append(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._texts.append(data)
        if TURNING & set(data) and not ISOLATING & set(self._open):
            self.turned.append(" ".join(data.split()))
