"""XML manifests read safely: no document type, so no entities and no network; depth and size are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_DEPTH = 100
_ELEMENTS = 50_000


class XmlError(ValueError):
    """A document that is broken or that asks for what is refused."""


@dataclass(slots=True)
class Element:
    """An element: its name without namespace, its own text, and the line on which it starts."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """The direct children of a name."""
        return [one for one in self.children if one.name == name]

    def first(self, *path: str) -> Element | None:
        """The element at a path of names below this one."""
        here: Element | None = self
        for name in path:
            here = next((one for one in here.children if one.name == name), None) if here else None
        return here

    def value(self, *path: str) -> str:
        """The text of `first`, trimmed; "" where there is none."""
        found = self.first(*path)
        return found.text.strip() if found else ""

    def walk(self) -> Iterator[Element]:
        """All elements below this one, in document order."""
        work = list(reversed(self.children))
        while work:
            one = work.pop()
            yield one
            work.extend(reversed(one.children))


def parse(data: bytes) -> Element:
    """The root element. Raises XmlError."""
    parser = expat.ParserCreate()
    root = Element("", 0)
    stack = [root]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _ELEMENTS or len(stack) > _DEPTH:
            raise XmlError("is too large or nested too deeply")
        one = Element(name.rpartition(":")[2], parser.CurrentLineNumber, attributes)
        stack[-1].children.append(one)
        stack.append(one)

    def end(name: str) -> None:
        del name
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].text += text

    def refuse(*_: object) -> None:
        raise XmlError("declares a document type, which is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise XmlError(str(error)) from error
    if not root.children:
        raise XmlError("holds no element")
    return root.children[0]
