"""Environment markers and versions: what holds on the Python that the component gets."""

from __future__ import annotations

import re

PYTHON = (3, 14)  # of the runtime that the table and the markers are judged for
_MARKER = re.compile(
    r"(?P<left>[a-z_.]+|'[^']*'|\"[^\"]*\")\s*(?P<operator>===?|!=|<=|>=|<|>|~=|not\s+in|in)\s*"
    r"(?P<right>[a-z_.]+|'[^']*'|\"[^\"]*\")"
)
# The wheels are resolved for Linux, whose pure-Python files are what the component takes.
_ENVIRONMENT = {
    "python_version": f"{PYTHON[0]}.{PYTHON[1]}",
    "python_full_version": f"{PYTHON[0]}.{PYTHON[1]}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "extra": "",
}


def marker_holds(marker: str) -> bool:
    """Whether an environment marker holds; one that cannot be read counts as holding."""
    if len(marker) > 2000 or marker.count("(") > 50:
        return True
    text = marker.strip()
    known: list[bool] = []

    def judge(match: re.Match[str]) -> str:
        values = []
        for side in (match["left"], match["right"]):
            value = side[1:-1] if side[0] in "'\"" else _ENVIRONMENT.get(side)
            if value is None:
                known.append(True)
                return f"#{len(known) - 1}#"
            values.append(value)
        known.append(_compare(values[0], re.sub(r"\s+", " ", match["operator"]), values[1]))
        return f"#{len(known) - 1}#"

    text = _MARKER.sub(judge, text)
    tokens = re.findall(r"#\d+#|and|or|[()]|\S+", text)
    position = 0

    def either(depth: int) -> bool:
        nonlocal position
        value = both(depth)
        while position < len(tokens) and tokens[position] == "or":
            position += 1
            value = both(depth) or value
        return value

    def both(depth: int) -> bool:
        nonlocal position
        value = one(depth)
        while position < len(tokens) and tokens[position] == "and":
            position += 1
            value = one(depth) and value
        return value

    def one(depth: int) -> bool:
        nonlocal position
        if position >= len(tokens) or depth > 50:
            return True
        part = tokens[position]
        position += 1
        if part == "(":
            value = either(depth + 1)
            position += 1
            return value
        return known[int(part[1:-1])] if re.fullmatch(r"#\d+#", part) else True

    return either(0)


def _compare(left: str, operator: str, right: str) -> bool:
    if operator in ("in", "not in"):
        return (left in right) == (operator == "in")
    numbers = [_version(side) for side in (left, right)]
    if None not in numbers:
        a, b = (n or () for n in numbers)
        results = {"==": a == b, "===": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b}
        return results.get(operator, a >= b)
    return {"==": left == right, "===": left == right, "!=": left != right}.get(operator, True)


def _version(text: str) -> tuple[int, ...] | None:
    text = text.removesuffix(".*")
    if not re.fullmatch(r"\d{1,6}(?:\.\d{1,6}){0,5}", text):
        return None
    numbers = [int(n) for n in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def version_at_least(version: str | None, minimum: str) -> bool:
    """Whether a pinned version is `minimum` or newer; an unpinned one is taken for the newest."""
    if version is None:
        return True
    found = re.match(r"\d+(?:\.\d+)*", version)
    return (_version(found[0]) or ()) >= (_version(minimum) or ()) if found else True
