"""Compares HTML node by node: names, attributes, text; noise is learnt for each of them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from migrate.model import DifferenceKind, Noise
from migrate.validate import normalisations as allowed
from migrate.validate.lines import ALIGNED, common, compare_lines
from migrate.validate.markup import Element, Mark, Node, Text, leaves, parse, source
from migrate.validate.noise import MISSING
from migrate.validate.values import Findings, show, value_at

_SLACK = 4  # nodes by which lists of varying length vary at least


def compare_html(found: Findings, samples: Sequence[str], value: str) -> None:
    """Compare HTML documents. What only the spelling of tags hides is named, everything else is found."""
    tree = _Tree(found)
    tree.children("", [parse(sample).children for sample in samples], parse(value).children)
    if tree.spelled:
        found.apply(allowed.by_rule("html-spelling"), *tree.spelled)


class _Tree:
    def __init__(self, found: Findings) -> None:
        self.found = found
        self.spelled: tuple[str, str, str] | None = None  # where, original, candidate

    def children(self, where: str, samples: Sequence[Sequence[Node]], own: Sequence[Node]) -> None:
        """Compare the children of one element; `samples` are those of the original's answers."""
        lists = [[_label(node) for node in sample] for sample in samples]
        mine = [_label(node) for node in own]
        if any(labels != lists[0] for labels in lists[1:]):
            self._varying(where, samples, own)
            return
        if mine == lists[0]:
            for index, place in enumerate(_places(where, mine)):
                self._node(place, [sample[index] for sample in samples], own[index])
            return
        self._aligned(where, samples, own, lists[0], mine)

    def _aligned(
        self,
        where: str,
        samples: Sequence[Sequence[Node]],
        own: Sequence[Node],
        theirs: list[str],
        mine: list[str],
    ) -> None:
        """The candidate has other children than the original: what fits is compared, the rest reported."""
        if max(len(theirs), len(mine)) > ALIGNED:
            self.found.leaves += sum(map(leaves, samples[0]))
            self._other(where, f"{len(theirs)} nodes", f"{len(mine)} nodes")
            return
        places, own_places = _places(where, theirs), _places(where, mine)
        for step, a, b, c, d in SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes():
            if step == "equal":
                for at, other in zip(range(a, b), range(c, d), strict=True):
                    self._node(places[at], [sample[at] for sample in samples], own[other])
                continue
            self.found.leaves += max(1, sum(map(leaves, samples[0][a:b])))
            place = places[a] if a < b else own_places[c]
            self._other(place, _joined(samples[0][a:b]), _joined(own[c:d]))

    def _other(self, where: str, original: object, candidate: object) -> None:
        self.found.differ(DifferenceKind.BODY, where or "body", original, candidate)

    def _node(self, where: str, samples: Sequence[Node], own: Node) -> None:
        """Compare nodes with one label."""
        first = samples[0]
        if isinstance(own, Element) and isinstance(first, Element):
            elements = [sample for sample in samples if isinstance(sample, Element)]
            self._attributes(where, elements, own)
            self.children(where, [sample.children for sample in elements], own.children)
            if (first.end == "") is not (own.end == ""):
                self._other(f"{where} end tag", first.end or MISSING, own.end or MISSING)
            elif first.end != own.end:
                self._spelling(where, first.end, own.end)
            return
        raw = [sample.raw for sample in samples if not isinstance(sample, Element)]
        mine = own.raw if not isinstance(own, Element) else ""
        if isinstance(own, Text) and not own.literal:
            before = len(self.found.differences), len(self.found.noise)
            self._text(f"{where} text", list(map(html.unescape, raw)), html.unescape(mine))
            if before == (len(self.found.differences), len(self.found.noise)) and raw[0] != mine:
                self._spelling(where, raw[0], mine)
        else:
            self._text(where, raw, mine)

    def _text(self, where: str, samples: Sequence[str], own: str) -> None:
        if any("\n" in text.strip() for text in (*samples, own)):
            compare_lines(self.found, samples, own, where)
        else:
            value_at(self.found, DifferenceKind.BODY, DifferenceKind.BODY, where, samples, own)

    def _attributes(self, where: str, samples: Sequence[Element], own: Element) -> None:
        before = len(self.found.differences), len(self.found.noise)
        theirs = [_values(sample) for sample in samples]
        mine = _values(own)
        for name in dict.fromkeys(name for one in (*theirs, mine) for name in one):
            values = [one.get(name, MISSING) for one in theirs]
            value_at(
                self.found,
                DifferenceKind.BODY,
                DifferenceKind.BODY,
                f"{where} @{name}",
                values,
                mine.get(name, MISSING),
            )
        if before == (len(self.found.differences), len(self.found.noise)) and samples[0].start != own.start:
            self._spelling(where, samples[0].start, own.start)

    def _spelling(self, where: str, original: str, candidate: str) -> None:
        if self.spelled is None:
            self.spelled = (where, original, candidate)

    def _varying(self, where: str, samples: Sequence[Sequence[Node]], own: Sequence[Node]) -> None:
        """The original's own children vary: what all its answers share must be there, in order; every other
        node must be of a kind that the original has there, with the attributes that kind always has."""
        texts = [[source(node) for node in sample] for sample in samples]
        mine = [source(node) for node in own]
        shared: Sequence[str] = texts[0]
        for later in texts[1:]:
            shared = list(common(shared, later))
        self.found.leaves += max(1, sum(map(leaves, samples[0])))
        other = next(later for later in texts[1:] if later != texts[0])
        self.found.noise.append(Noise(where or "body", show("".join(texts[0])), show("".join(other))))
        left = set(shared)
        self.found.blind += [where or "body"] * sum(
            leaves(node) for node, text in zip(samples[0], texts[0], strict=True) if text not in left
        )
        rest = iter(mine)
        for text in shared:
            if not any(one == text for one in rest):
                self._other(where, text, "(this part of every answer of the original is missing)")
                return
        low, high = min(map(len, samples)), max(map(len, samples))
        if not low // 2 <= len(own) <= high * 2 + _SLACK:
            self._other(where, f"{low} to {high} nodes", f"{len(own)} nodes")
        self._kinds(where, samples, own)

    def _kinds(self, where: str, samples: Sequence[Sequence[Node]], own: Sequence[Node]) -> None:
        always: dict[str, set[str]] = {}
        known: dict[str, set[str]] = {}
        for node in (node for sample in samples for node in sample):
            names = set(_values(node)) if isinstance(node, Element) else set()
            label = _label(node)
            always[label] = always.get(label, names) & names
            known[label] = known.get(label, set()) | names
        for node in own:
            label = _label(node)
            if label not in known:
                self._other(where, f"(no {label} here in any answer)", source(node))
                continue
            names = set(_values(node)) if isinstance(node, Element) else set()
            if names - known[label] or always[label] - names:
                odd = ", ".join(sorted((names - known[label]) | (always[label] - names)))
                self._other(where, f"attributes of every {label}", f"{source(node)} (differs in {odd})")


def _label(node: Node) -> str:
    match node:
        case Element():
            return f"<{node.name}>"
        case Mark():
            return node.kind
        case _:
            return "text"


def _values(element: Element) -> dict[str, Any]:
    """Values by attribute, a list where one is repeated; an attribute without a value has ""."""
    found: dict[str, Any] = {}
    for name, value in element.attributes:
        text = html.unescape(value or "")
        if name not in found:
            found[name] = text
        else:
            before = found[name]
            found[name] = [*before, text] if isinstance(before, list) else [before, text]
    return found


def _places(where: str, labels: Sequence[str]) -> list[str]:
    """A name for each child: its element's name, numbered where there are several."""
    total: dict[str, int] = {}
    for label in labels:
        total[label] = total.get(label, 0) + 1
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        if label == "text":
            found.append(where or "body")
            continue
        seen[label] = seen.get(label, 0) + 1
        name = label.strip("<>") + (f"[{seen[label]}]" if total[label] > 1 else "")
        found.append(f"{where} > {name}" if where else name)
    return found


def _joined(nodes: Sequence[Node]) -> object:
    return "".join(map(source, nodes)) if nodes else MISSING
