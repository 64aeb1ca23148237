"""HTML as a tree that keeps every byte of its source.

A parser that repairs as browsers do would hide what went wrong: a repeated attribute, a stray end tag or a
row outside its table are gone from its tree. And two containers of one original send the same markup, so
nothing is won by repair. So this reads tags as the HTML standard's tokenizer does (13.2.5), nests them as
they are written, and leaves nothing out: the sources of all nodes, joined, are the document again. Time and
memory are linear in its length; no input is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DEPTH = 150
"""Levels below which elements are kept as siblings: nesting beyond it is an attack or a mistake."""

VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)
_LITERAL = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
_RAW = _LITERAL | {"textarea", "title"}
# An element of the key, opened, ends those of the value that are open right above it (HTML, 13.1.2.4).
_ENDS = {
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "tr": frozenset({"tr", "td", "th"}),
    "td": frozenset({"td", "th"}),
    "th": frozenset({"td", "th"}),
    "option": frozenset({"option"}),
    "p": frozenset({"p"}),
}
# White space as HTML has it: five characters, not Unicode's.
_NAME = re.compile(r"[A-Za-z][^ \t\n\f\r/>]*")
_GAP = re.compile(r"[ \t\n\f\r/]*")
_ATTRIBUTE = re.compile(r"=?[^ \t\n\f\r/>=]*")
_EQUALS = re.compile(r"[ \t\n\f\r]*=[ \t\n\f\r]*")
_UNQUOTED = re.compile(r"[^ \t\n\f\r>]*")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters between tags. `literal`: of a script or style, where `&` has no meaning."""

    raw: str
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """`kind` is `comment`, `declaration`, or `end`: an end tag that ends nothing."""

    raw: str
    kind: str


@dataclass(slots=True)
class Element:
    """An element; `start` and `end` are its tags as written, `end` "" where it has none."""

    name: str
    start: str
    attributes: tuple[tuple[str, str | None], ...] = ()
    children: list[Element | Text | Mark] = field(default_factory=list)
    end: str = ""


Node = Element | Text | Mark


def source(node: Node) -> str:
    """The node as it was written."""
    if not isinstance(node, Element):
        return node.raw
    return "".join((node.start, *map(source, node.children), node.end))


def leaves(node: Node) -> int:
    """Texts, marks and attribute values of a node, at least one."""
    if not isinstance(node, Element):
        return 1
    return max(1, len(node.attributes) + sum(map(leaves, node.children)))


def parse(text: str) -> Element:
    """The document as an element without a name."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Element("", "")
        self.open = [self.root]
        self.names: dict[str, int] = {}  # how many of a name are open
        self.plain: list[str] = []  # text not yet put into the tree

    def read(self) -> Element:
        text, at = self.text, 0
        while at < len(text):
            less = text.find("<", at)
            if less < 0:
                self.plain.append(text[at:])
                break
            self.plain.append(text[at:less])
            after = text[less + 1 : less + 2]
            if after == "/" and text[less + 2 : less + 3].isascii() and text[less + 2 : less + 3].isalpha():
                at = self._end(less)
            elif after in ("!", "?", "/"):
                at = self._mark(less)
            elif after.isascii() and after.isalpha():
                at = self._start(less)
            else:
                self.plain.append("<")
                at = less + 1
        self._flush()
        return self.root

    def _flush(self) -> None:
        joined = "".join(self.plain)
        self.plain.clear()
        if joined:
            self.open[-1].children.append(Text(joined))

    def _add(self, node: Node) -> None:
        self._flush()
        self.open[-1].children.append(node)

    def _mark(self, less: int) -> int:
        kind, closing = ("comment", "-->") if self.text.startswith("<!--", less) else ("declaration", ">")
        end = self.text.find(closing, less + (4 if kind == "comment" else 2))
        end = len(self.text) if end < 0 else end + len(closing)
        self._add(Mark(self.text[less:end], kind))
        return end

    def _end(self, less: int) -> int:
        end = self.text.find(">", less)
        end = len(self.text) if end < 0 else end + 1
        raw = self.text[less:end]
        match = _NAME.match(raw, 2)
        name = match.group().lower() if match else ""
        if not self.names.get(name):
            self._add(Mark(raw, "end"))
            return end
        self._flush()
        while self.open[-1].name != name:
            self._close()
        self.open[-1].end = raw
        self._close()
        return end

    def _close(self) -> None:
        element = self.open.pop()
        self.names[element.name] -= 1

    def _start(self, less: int) -> int:
        read = self._tag(less)
        if read is None:  # a quote or a tag that never ends: the rest is text
            self.plain.append(self.text[less:])
            return len(self.text)
        element, end, closed = read
        self._flush()
        while self.open[-1].name in _ENDS.get(element.name, ()):
            self._close()
        self.open[-1].children.append(element)
        if closed or element.name in VOID:
            return end
        if element.name in _RAW:
            return self._contents(element, end)
        if len(self.open) <= DEPTH:
            self.open.append(element)
            self.names[element.name] = self.names.get(element.name, 0) + 1
        return end

    def _contents(self, element: Element, start: int) -> int:
        """The text of an element that holds no tags, up to its own end tag."""
        found = re.compile(rf"</{re.escape(element.name)}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(
            self.text, start
        )
        stop = found.start() if found else len(self.text)
        if stop > start:
            element.children.append(Text(self.text[start:stop], element.name in _LITERAL))
        if not found:
            return stop
        end = self.text.find(">", stop)
        end = len(self.text) if end < 0 else end + 1
        element.end = self.text[stop:end]
        return end

    def _tag(self, less: int) -> tuple[Element, int, bool] | None:
        """The element of the start tag at `less`, where it ends, and whether it ends with `/>`."""
        text = self.text
        match = _NAME.match(text, less + 1)
        assert match is not None  # noqa: S101 - the caller saw a letter
        name, at = match.group().lower(), match.end()
        attributes: list[tuple[str, str | None]] = []
        while True:
            gap = _GAP.match(text, at)
            at = gap.end() if gap else at
            if at >= len(text):
                return None
            if text[at] == ">":
                return Element(name, text[less : at + 1], tuple(attributes)), at + 1, text[at - 1] == "/"
            key = _ATTRIBUTE.match(text, at)
            at = key.end() if key else at
            word = key.group().lower() if key else ""
            equals = _EQUALS.match(text, at)
            if not equals:
                attributes.append((word, None))
                continue
            at = equals.end()
            if text[at : at + 1] in ('"', "'"):
                close = text.find(text[at], at + 1)
                if close < 0:
                    return None
                attributes.append((word, text[at + 1 : close]))
                at = close + 1
            else:
                value = _UNQUOTED.match(text, at)
                attributes.append((word, value.group() if value else ""))
                at = value.end() if value else at
