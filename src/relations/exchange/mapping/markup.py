"""Texts without the marks of HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["plain_text"]

_BLOCKS = frozenset(
    ("address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
     "pre", "table", "tr", "ul")
)  # fmt: skip
"""Elements that begin and end a line."""
_UNSEEN = frozenset(("head", "script", "style", "title"))
"""Elements whose text a browser does not show."""
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n{3,}")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self.unseen += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self.unseen = max(0, self.unseen - 1)
        elif tag in _BLOCKS and tag != "br":
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            # Line breaks of the source are blanks to a browser.
            self.pieces.append(data.replace("\r", " ").replace("\n", " "))


def plain_text(html: str) -> str:
    """Return the text of HTML as a browser shows it: without marks, with one blank line between blocks at most."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = _BLANKS.sub(" ", "".join(reader.pieces)).split("\n")
    return _LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip()
