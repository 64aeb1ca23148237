"""What a shell script ends up running: POSIX shell syntax, followed as far as reading can tell.

This is no shell: nothing is run. Simple tests on known variables are decided; where a condition cannot
be known both ways are followed and what they would start is reported as uncertain.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_OPERATORS = ("&&", "||", ";;", "\n", ";", "|", "&", "(", ")")
_STEPS = 5_000  # commands followed in one script and what it sources
_LONGEST = 100_000  # characters that variables put into one word
_CUT = 512  # characters of a value that a pattern is looked for in
_LOOPS = 100  # words of a `for` that are followed
_DEPTH = 60  # nesting of blocks, functions and sourced files
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_ARRAY = re.compile(r"[A-Za-z_]\w*\+?=")
_ELEMENTS = re.compile(r'"?\$\{([A-Za-z_]\w*)\[[@*]\]\}"?')
_REDIRECTION = re.compile(r"\d*(?:<<<|>>|>\||<>|[<>]&?|&>>?)")
# Programs that prepare or wait and then end; starting them says nothing of the service.
# fmt: off
QUIET = frozenset({
    "[", "[[", ":", "true", "false", "test", "echo", "printf", "sleep", "mkdir", "rmdir", "chown",
    "chmod", "ls", "cat", "rm", "cp", "mv", "ln", "umask", "ulimit", "set", "unset", "trap", "wait",
    "read", "return", "local", "readonly", "declare", "typeset", "shopt", "hash", "type", "command",
    "id", "whoami", "env", "date", "hostname", "touch", "grep", "tr", "cut", "head",
    "tail", "find", "nc", "pg_isready", "getopts", "let", "alias", "kill", "stty", "basename",
    "dirname", "realpath", "readlink", "pwd", "seq", "expr", "tee", "xargs", "curl", "wget",
})
# Programs that change a file: a start script that runs one does so before the service is there.
REWRITES = frozenset({"sed", "awk"})
# fmt: on


class ShellSyntaxError(Exception):
    """The script cannot be parsed."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int
    operator: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A program that the script starts: its words, quotes removed, and the script's line."""

    argv: tuple[str, ...]
    line: int


@dataclass(slots=True)
class _Node:
    kind: str  # simple, if, case, loop, group, function
    line: int
    words: list[str] = field(default_factory=list)
    parts: list[tuple[list[str], list[_Node], list[_Node]]] = field(
        default_factory=list
    )  # patterns, condition, body
    joined: str = ";"  # how it is joined to what follows: ; && || | &


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script leads to. `main` is what the container then is, None where nothing was seen.

    `setup` ran before it and ended, `background` runs beside it, `uncertain` is what other branches
    would start instead. `missing` names variables without a value in the main command. `rewrites` are
    programs that changed files before it.
    """

    main: Started | None
    setup: tuple[Started, ...]
    background: tuple[Started, ...]
    uncertain: tuple[Started, ...]
    missing: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    rewrites: tuple[Started, ...] = ()


# --- reading --------------------------------------------------------------------------------


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    word, started, line, i = "", False, 1, 0
    heredocs: list[tuple[str, bool]] = []

    def end() -> None:
        nonlocal word, started
        if started:
            tokens.append(_Token(word, line, False))
        word, started = "", False

    while i < len(text):
        c = text[i]
        if c == "\\" and text[i + 1 : i + 2] == "\n":
            line, i = line + 1, i + 2
            continue
        if c == "\n":
            end()
            tokens.append(_Token("\n", line, True))
            line, i = line + 1, i + 1
            for name, strip in heredocs:
                while i < len(text):
                    stop = text.find("\n", i)
                    stop = len(text) if stop < 0 else stop
                    body, i, line = text[i:stop], stop + 1, line + 1
                    if (body.lstrip("\t") if strip else body) == name:
                        break
            heredocs = []
            continue
        if c in " \t\r":
            end()
            i += 1
            continue
        if c == "#" and not started:
            while i < len(text) and text[i] != "\n":
                i += 1
            continue
        if match := re.compile(r"\d*<<(-?)\s*(['\"\\]?)([\w.!@%+:-]+)\2").match(
            text, i if not started else len(text)
        ):
            heredocs.append((match[3], bool(match[1])))
            i = match.end()
            continue
        if not started and (match := _REDIRECTION.match(text, i)):
            tokens.append(_Token(match[0], line, False))
            i = match.end()
            continue
        if c == "(" and started and _ARRAY.fullmatch(word):
            stop = _array_end(text, i)
            word += text[i:stop]
            line += text.count("\n", i, stop)
            i = stop
            continue
        if operator := next((o for o in _OPERATORS if text.startswith(o, i)), None):
            if operator == "&" and text[i + 1 : i + 2] == ">":
                end()
                tokens.append(_Token("&>", line, False))
                i += 2
                continue
            end()
            tokens.append(_Token(operator, line, True))
            i += len(operator)
            continue
        if c in "<>":
            end()
            match = _REDIRECTION.match(text, i)
            tokens.append(_Token(match[0] if match else c, line, False))
            i += len(match[0]) if match else 1
            continue
        started = True
        stop = _atom(text, i)
        word += text[i:stop]
        line += text.count("\n", i, stop)
        i = stop
    end()
    return tokens


def _atom(text: str, i: int) -> int:
    """The end of the quoted string, expansion, or character that begins at `i`."""
    c = text[i]
    if c == "\\":
        return min(i + 2, len(text))
    if c == "'":
        stop = text.find("'", i + 1)
        if stop < 0:
            raise ShellSyntaxError("a quote is never closed")
        return stop + 1
    if c == '"':
        i += 1
        while i < len(text) and text[i] != '"':
            i = _atom(text, i) if text[i] in "\\$`" else i + 1
        if i >= len(text):
            raise ShellSyntaxError("a quote is never closed")
        return i + 1
    if c == "`":
        stop = text.find("`", i + 1)
        return len(text) if stop < 0 else stop + 1
    if c == "$" and text[i + 1 : i + 2] in ("{", "("):
        opening, closing, level = text[i + 1], {"{": "}", "(": ")"}[text[i + 1]], 0
        i += 1
        while i < len(text):
            if text[i] == opening:
                level += 1
            elif text[i] == closing:
                level -= 1
                if level == 0:
                    return i + 1
            elif text[i] == "\\":
                i += 1
            elif text[i] == "'" and opening == "(":
                stop = text.find("'", i + 1)
                i = stop if stop > 0 else i
            i += 1
        return len(text)
    return i + 1


def _array_end(text: str, i: int) -> int:
    """The end of `( ... )`, the value of an array."""
    i += 1
    while i < len(text) and text[i] != ")":
        i = _atom(text, i)
    return min(i + 1, len(text))


class _Parser:
    def __init__(self, tokens: Sequence[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def word(self) -> str | None:
        token = self.peek()
        return None if token is None or token.operator else token.text

    def skip_blank(self) -> None:
        while (token := self.peek()) and token.operator and token.text in ("\n", ";", "&"):
            self.at += 1

    def sequence(self, stops: frozenset[str], depth: int = 0) -> list[_Node]:
        """Commands up to one of the words in `stops`, which is left standing."""
        if depth > _DEPTH:
            raise ShellSyntaxError("blocks are nested too deeply")
        nodes: list[_Node] = []
        while True:
            self.skip_blank()
            token = self.peek()
            if token is None or token.text in stops:
                return nodes
            node = self.command(depth)
            token = self.peek()
            if token and token.operator and token.text in ("&&", "||", "|", "&", ";", "\n"):
                node.joined = ";" if token.text == "\n" else token.text
                self.at += 1
            nodes.append(node)

    def command(self, depth: int) -> _Node:
        token = self.tokens[self.at]
        compound: dict[str, Callable[[int], _Node]] = {
            "if": self.if_, "case": self.case, "while": self.loop, "until": self.loop, "for": self.for_,
            "{": self.braces,
        }  # fmt: skip
        if token.operator:
            if token.text == "(":
                self.at += 1
                body = self.sequence(frozenset({")"}), depth + 1)
                self.expect(")")
                return _Node("group", token.line, parts=[([], [], body)])
            raise ShellSyntaxError(f"line {token.line}: {token.text!r} is not expected here")
        if token.text in compound:
            return self.redirected(compound[token.text](depth + 1))
        if token.text == "function" or self.is_function():
            return self.function(depth + 1)
        words: list[str] = []
        while (token_ := self.peek()) and not token_.operator:
            self.at += 1
            if _REDIRECTION.fullmatch(token_.text):
                if self.word() is not None:
                    self.at += 1
            elif not re.fullmatch(r"\d", token_.text) or not self.next_is_redirection():
                words.append(token_.text)
            if len(words) == 1 and words[0] == "!":
                return self.negated(token.line, depth)
        return _Node("simple", token.line, words=words)

    def negated(self, line: int, depth: int) -> _Node:
        inner = self.command(depth + 1) if self.peek() else _Node("simple", line)
        return _Node("simple", line, words=["!", *inner.words])

    def next_is_redirection(self) -> bool:
        word = self.word()
        return word is not None and _REDIRECTION.fullmatch(word) is not None

    def redirected(self, node: _Node) -> _Node:
        while self.next_is_redirection():
            self.at += 1
            if self.word() is not None:
                self.at += 1
        return node

    def is_function(self) -> bool:
        following = self.tokens[self.at + 1 : self.at + 3]
        return (
            len(following) == 2
            and all(t.operator for t in following)
            and (following[0].text + following[1].text == "()")
        )

    def function(self, depth: int) -> _Node:
        token = self.tokens[self.at]
        self.at += 1
        name = token.text
        if name == "function":
            name = self.word() or ""
            self.at += 1
        for text in ("(", ")"):
            if (t := self.peek()) and t.operator and t.text == text:
                self.at += 1
        self.skip_blank()
        if self.peek() is None:
            raise ShellSyntaxError(f"line {token.line}: the function {name!r} has no body")
        return _Node("function", token.line, words=[name], parts=[([], [], [self.command(depth)])])

    def expect(self, text: str) -> None:
        token = self.peek()
        if token is None or token.text != text:
            raise ShellSyntaxError(f"{text!r} is missing")
        self.at += 1

    def braces(self, depth: int) -> _Node:
        line = self.tokens[self.at].line
        self.at += 1
        body = self.sequence(frozenset({"}"}), depth)
        self.expect("}")
        return _Node("group", line, parts=[([], [], body)])

    def if_(self, depth: int) -> _Node:
        node = _Node("if", self.tokens[self.at].line)
        while True:
            self.at += 1
            condition = self.sequence(frozenset({"then"}), depth)
            self.expect("then")
            body = self.sequence(frozenset({"elif", "else", "fi"}), depth)
            node.parts.append(([], condition, body))
            if self.word() != "elif":
                break
        if self.word() == "else":
            self.at += 1
            node.parts.append(([], [], self.sequence(frozenset({"fi"}), depth)))
        self.expect("fi")
        return node

    def loop(self, depth: int) -> _Node:
        line = self.tokens[self.at].line
        self.at += 1
        condition = self.sequence(frozenset({"do"}), depth)
        self.expect("do")
        body = self.sequence(frozenset({"done"}), depth)
        self.expect("done")
        return _Node("loop", line, parts=[([], condition, body)])

    def for_(self, depth: int) -> _Node:
        line = self.tokens[self.at].line
        words: list[str] = []
        while (token := self.peek()) and token.text != "do":
            words += [] if token.operator else [token.text]
            self.at += 1
        self.expect("do")
        body = self.sequence(frozenset({"done"}), depth)
        self.expect("done")
        return _Node("for", line, words=words[1:], parts=[([], [], body)])

    def case(self, depth: int) -> _Node:
        token = self.tokens[self.at]
        self.at += 1
        node = _Node("case", token.line, words=[self.word() or ""])
        self.at += 1
        self.skip_blank()
        self.expect("in")
        while True:
            self.skip_blank()
            if self.word() == "esac" or self.peek() is None:
                break
            patterns: list[str] = []
            while (t := self.peek()) and t.text != ")":
                if not t.operator:
                    patterns.append(t.text)
                self.at += 1
            self.expect(")")
            body = self.sequence(frozenset({";;", "esac"}), depth)
            node.parts.append((patterns, [], body))
            if (t := self.peek()) and t.text == ";;":
                self.at += 1
        self.expect("esac")
        return node


# --- following ------------------------------------------------------------------------------


class _Stop(Exception):  # noqa: N818 - control flow, no error
    """`exec` or `exit`: nothing of the script runs after it."""


class _Failed(_Stop):
    """`exit` with a status other than 0: the container would not start."""


class _Follower:
    def __init__(
        self,
        env: Mapping[str, str],
        arguments: Sequence[str],
        cwd: str,
        script: str,
        source: Callable[[str, str], str | None],
        exists: Callable[[str], bool | None],
    ) -> None:
        self.env = dict(env)
        self.arguments = list(arguments)
        self.cwd = cwd
        self.script = script
        self.source = source
        self.exists = exists
        self.functions: dict[str, list[_Node]] = {}
        self.main: Started | None = None
        self.ran: list[Started] = []
        self.background: list[Started] = []
        self.uncertain: list[Started] = []
        self.rewrites: list[Started] = []
        self.arrays: dict[str, list[str]] = {}
        self.missing: list[str] = []
        self.main_missing: tuple[str, ...] = ()
        self.unsure = 0
        self.steps = 0
        self.depth = 0

    def run(self, nodes: Sequence[_Node]) -> bool | None:
        """Follow commands; gives whether the last one succeeds, None where that is not known."""
        self.depth += 1
        if self.depth > _DEPTH:
            raise ShellSyntaxError("calls are nested too deeply")
        status: bool | None = True
        before = ";"
        for node in nodes:
            skip = (before == "&&" and status is False) or (before == "||" and status is not False)
            # After `x ||` comes what happens when x fails; after `server |` what reads its output.
            if before == "|" or skip:
                before = node.joined if before != "|" else before if node.joined == "|" else node.joined
                continue
            depth = self.depth
            try:
                status = self.follow(node)
            except _Failed:
                if before not in ("&&", "||") or self.main is not None:
                    raise
                self.depth, status = depth, None  # a guard, as in `branches`
            before = node.joined
        self.depth -= 1
        return status

    def follow(self, node: _Node) -> bool | None:
        self.steps += 1
        if self.steps > _STEPS:
            raise ShellSyntaxError("it does not come to an end")
        if node.kind == "simple":
            return self.simple(node)
        if node.kind == "function":
            self.functions[node.words[0]] = node.parts[0][2]
            return True
        if node.kind == "if":
            return self.branches([(self.quietly(c) if c else True, body) for _, c, body in node.parts])
        if node.kind == "case":
            (value,) = self.words(node.words[0], split=False) or [""]
            options: list[tuple[bool | None, list[_Node]]] = []
            for patterns, _, body in node.parts:
                texts = ["".join(self.words(p, split=False)) for p in patterns]
                match = any(fnmatch.fnmatchcase(value, text) for text in texts)
                options.append((None if "$" in value and "*" not in texts else match, body))
            return self.branches(options)
        _, condition, body = node.parts[0]
        if node.kind == "for":
            self.each(node, body)
            return None
        if node.kind == "loop":
            self.quietly(condition)
            self.run(body)
            return None
        return self.run(body)

    def each(self, node: _Node, body: list[_Node]) -> None:
        """`for`: once for each word that is known, else once without a value."""
        name = node.words[0] if node.words else ""
        given = node.words[2:] if node.words[1:2] == ["in"] else ['"$@"']
        marks = len(self.missing)
        values = [value for word in given for value in self.words(word)]
        if len(self.missing) > marks or any(c in value for value in values for c in "*?["):
            del self.missing[marks:]
            self.env.pop(name, None)
            self.unsure += 1
            try:
                self.run(body)
            except _Stop:
                return
            finally:
                self.unsure -= 1
            return
        for value in values[:_LOOPS]:
            self.env[name] = value
            self.run(body)

    def branches(self, options: Sequence[tuple[bool | None, list[_Node]]]) -> bool | None:
        for sure, body in options:
            depth = self.depth
            if sure is True:
                try:
                    return self.run(body)
                except _Failed:
                    # A guard: what it misses is given where the container runs, or it would not run.
                    if self.main is not None:
                        raise
                    self.depth = depth
                    return None
            if sure is None:
                self.unsure += 1
                env, arguments, cwd = dict(self.env), list(self.arguments), self.cwd
                try:
                    self.run(body)
                except _Stop:
                    self.env, self.arguments, self.cwd = env, arguments, cwd
                    self.depth = depth
                finally:
                    self.unsure -= 1
        return None if any(sure is None for sure, _ in options) else True

    def quietly(self, condition: Sequence[_Node]) -> bool | None:
        """Whether a condition holds. Programs in it run and end, and are no part of the service."""
        kept = len(self.ran), len(self.background)
        self.unsure += 1
        try:
            return self.run(condition)
        except _Stop:
            return None
        finally:
            self.unsure -= 1
            del self.ran[kept[0] :], self.background[kept[1] :]

    def simple(self, node: _Node) -> bool | None:
        raw = list(node.words)
        local: dict[str, str] = {}
        while raw and (match := _ASSIGNMENT.fullmatch(raw[0])):
            if match[3].startswith("(") and match[3].endswith(")"):
                self.array(match[1], match[3][1:-1], adds=bool(match[2]))
                raw.pop(0)
                continue
            value = " ".join(self.words(match[3], split=False))
            local[match[1]] = (self.env.get(match[1], "") + value if match[2] else value)[-_LONGEST:]
            raw.pop(0)
        marks = len(self.missing)
        words = [word for text in raw for word in self.words(text)]
        missing = tuple(self.missing[marks:])
        if not words:
            self.env.update(local)
            return True
        name, rest = words[0], words[1:]
        if name == "!":
            status = self.test(rest) if rest[:1] and rest[0] in ("[", "[[", "test") else None
            return None if status is None else not status
        if name in ("[", "[[", "test"):
            return self.test(words)
        if name in ("true", ":"):
            self.defaults(raw[1:])
            return True
        if name == "false":
            return False
        if name in ("export", "readonly", "declare", "local", "typeset"):
            for text in raw[1:]:
                if match := _ASSIGNMENT.fullmatch(text):
                    self.env[match[1]] = " ".join(self.words(match[3], split=False))
            return True
        if name == "cd":
            self.cwd = _joined(self.cwd, rest[0]) if rest and not rest[0].startswith("-") else self.cwd
            return True
        if name == "unset":
            for variable in rest:
                self.env.pop(variable, None)
            return True
        if name == "set":
            if "--" in rest:
                self.arguments = rest[rest.index("--") + 1 :]
            elif rest and rest[0][:1] not in "-+":
                self.arguments = rest
            return True
        if name == "shift":
            self.arguments = self.arguments[int(rest[0]) if rest and rest[0].isdigit() else 1 :]
            return True
        if name in (".", "source"):
            self.sourced(rest[0] if rest else "")
            return None
        if name == "eval":
            return self.run(parse(" ".join(rest)))
        if name in ("exit", "return"):
            if name == "exit" or self.depth == 1:
                raise _Failed if rest and rest[0].isdigit() and rest[0] != "0" else _Stop
            return None
        if name in self.functions:
            kept, self.arguments = self.arguments, rest
            try:
                return self.run(self.functions[name])
            finally:
                self.arguments = kept
        if name == "exec":
            rest = _exec_words(rest)
            if not rest:
                return True
            self.started(Started(tuple(rest), node.line), missing, final=True)
            raise _Stop
        if name == "wait" and not self.unsure and self.background and not rest:
            self.started(self.background.pop(), missing, final=True)
            raise _Stop
        if name in QUIET or name in REWRITES:
            if name in REWRITES:
                self.rewrites.append(Started(tuple(words), node.line))
            return None
        command = Started(tuple([f"{k}={v}" for k, v in local.items()] + words), node.line)
        if local:
            command = Started(("env", *command.argv), node.line)
        if node.joined == "&":
            self.background.append(command)
            return True
        self.started(command, missing, final=False)
        return None

    def started(self, command: Started, missing: tuple[str, ...], *, final: bool) -> None:
        if final and not self.unsure:
            self.main, self.main_missing = command, missing
        elif final:
            self.uncertain.append(command)
        else:
            self.ran.append(command)
            if not self.unsure:
                self.main_missing = missing

    def array(self, name: str, inside: str, *, adds: bool) -> None:
        values = [w for token in _tokens(inside) if not token.operator for w in self.words(token.text)]
        self.arrays[name] = [*(self.arrays.get(name, ()) if adds else ()), *values][:_STEPS]

    def sourced(self, name: str) -> None:
        text = self.source(_joined(self.cwd, name), name)
        if text is not None:
            self.run(parse(text))

    def defaults(self, raw: Sequence[str]) -> None:
        """`: ${PORT:=8000}` sets a variable."""
        for text in raw:
            for name, value in re.findall(r"\$\{([A-Za-z_]\w*):?=([^{}$]*)\}", text):
                self.env.setdefault(name, value)

    # --- tests ---

    def test(self, words: Sequence[str]) -> bool | None:
        inner = [w for w in words[1:] if w not in ("]", "]]")]
        for operator, decide in (("-o", any), ("||", any), ("-a", all), ("&&", all)):
            if operator in inner and len(inner) > 2:
                cut = inner.index(operator)
                if cut in (0, len(inner) - 1):
                    continue
                both = [self.test(["[", *inner[:cut]]), self.test(["[", *inner[cut + 1 :]])]
                known = [b for b in both if b is not None]
                if len(known) == 2 or decide(known) == (decide is any):
                    return decide(known)
                return None
        if inner[:1] == ["!"]:
            status = self.test(["[", *inner[1:]])
            return None if status is None else not status
        if any("$(" in w or "`" in w for w in inner):
            return None
        inner = [re.sub(r"\$\{?[A-Za-z_]\w*\}?", "", w) for w in inner]  # unset variables are empty
        match inner:
            case []:
                return False
            case [text]:
                return bool(text)
            case ["-z", text]:
                return not text
            case ["-n", text]:
                return bool(text)
            case ["-f" | "-e" | "-d" | "-s" | "-x" | "-r", path]:
                return self.exists(_joined(self.cwd, path))
            case [left, "=" | "==", right]:
                return fnmatch.fnmatchcase(left, right) if words[0] == "[[" else left == right
            case [left, "!=", right]:
                return not fnmatch.fnmatchcase(left, right) if words[0] == "[[" else left != right
            case [left, "-eq" | "-ne" | "-gt" | "-ge" | "-lt" | "-le" as operator, right]:
                if not re.fullmatch(r"-?\d{1,9}", left) or not re.fullmatch(r"-?\d{1,9}", right):
                    return None
                a, b = int(left), int(right)
                results = {"-eq": a == b, "-ne": a != b, "-gt": a > b, "-ge": a >= b, "-lt": a < b}
                return results.get(operator, a <= b)
        return None

    # --- words ---

    def words(self, raw: str, *, split: bool = True) -> list[str]:
        """Expand one raw word: quotes removed, variables put in, unquoted values split at blanks."""
        if raw in ('"$@"', "$@", "$*", '"${@}"', "${@}"):
            return list(self.arguments)
        if match := re.fullmatch(r'"?\$\{[@*]:?-([^{}"]*)\}"?', raw):
            return list(self.arguments) or self.words(match[1])
        if (match := _ELEMENTS.fullmatch(raw)) and match[1] in self.arrays:
            return list(self.arrays[match[1]])
        parts: list[str] = [""]
        length = 0
        seen = False
        i = 0
        quoted = False
        while i < len(raw):
            c = raw[i]
            if c == '"':
                quoted, seen = not quoted, True
                i += 1
            elif c == "'" and not quoted:
                stop = raw.find("'", i + 1)
                stop = len(raw) if stop < 0 else stop
                parts[-1] += raw[i + 1 : stop]
                seen, i = True, stop + 1
            elif c == "\\" and i + 1 < len(raw):
                keep = quoted and raw[i + 1] not in '$`"\\'
                parts[-1] += raw[i : i + 2] if keep else raw[i + 1]
                i += 2
            elif c in "$`":
                stop = _variable_end(raw, i)
                value = self.value(raw[i:stop])
                i = stop
                length += len(value)
                if length > _LONGEST:
                    raise ShellSyntaxError("a value is too long")
                if quoted or not split:
                    parts[-1] += value
                else:
                    pieces = re.split(r"[ \t\n]+", value)
                    parts[-1] += pieces[0]
                    parts += pieces[1:]
            else:
                parts[-1] += c
                i += 1
        if not split:
            return ["".join(parts)]
        return [p for p in parts if p] or ([""] if seen else [])

    def value(self, text: str) -> str:
        """The value of one `$...`; what has none stays as written and is noted as missing."""
        if text in ("$@", "$*", "${@}", "${*}"):
            return " ".join(self.arguments)
        if text in ("$#", "${#}"):
            return str(len(self.arguments))
        if text in ("$0", "${0}"):
            return self.script
        if text == "$":
            return text
        if text.startswith(("$(", "`")) and (said := self.substituted(text)) is not None:
            return said
        match = re.fullmatch(
            r"\$(?:\{([A-Za-z_]\w*|\d+)(?:(:?[-=+?])(.*)|([#%/^,].*))?\}|([A-Za-z_]\w*|\d))", text, re.DOTALL
        )
        if match is None or match[4]:
            cut = self.cut(text)
            if cut is None:
                self.missing.append(text)
            return text if cut is None else cut
        name, operator, rest = match[1] or match[5], match[2] or "", match[3] or ""
        if name.isdigit():
            index = int(name[:4]) - 1
            value = self.arguments[index] if 0 <= index < len(self.arguments) else None
        else:
            value = self.env.get(name)
        given = value is not None and not (operator.startswith(":") and not value)
        if operator.endswith("+"):
            return "".join(self.words(rest, split=False)) if given else ""
        if given:
            return value or ""
        if operator[-1:] in ("-", "="):
            self.depth += 1
            if self.depth > _DEPTH:
                raise ShellSyntaxError("expansions are nested too deeply")
            default = " ".join(self.words(rest, split=False))
            self.depth -= 1
            if operator.endswith("="):
                self.env[name] = default
            return default
        if name.isdigit() or operator.startswith("?"):
            return ""
        self.missing.append(name)
        return text

    def substituted(self, text: str) -> str | None:
        """What `$(...)` writes, where its commands only tell names: echo, pwd, dirname, basename, cd."""
        inner = text[1:-1] if text.startswith("`") else text[2:-1]
        try:
            nodes = parse(inner)
        except ShellSyntaxError:
            return None
        self.depth += 1
        cwd, marks = self.cwd, len(self.missing)
        said: list[str] = []
        try:
            if self.depth > _DEPTH:
                raise ShellSyntaxError("expansions are nested too deeply")
            for node in nodes:
                if node.kind != "simple" or not node.words or node.joined in ("|", "&"):
                    return None
                words = [word for raw in node.words for word in self.words(raw)]
                if words[:1] == ["eval"] and words[1:2] and words[1].startswith("echo "):
                    words = words[1].split()
                match words:
                    case ["echo", *rest]:
                        said.append(" ".join(rest))
                    case ["pwd", *_]:
                        said.append(self.cwd)
                    case ["cd", folder] | ["cd", "--", folder]:
                        self.cwd = _joined(self.cwd, folder)
                    case ["dirname", path]:
                        said.append(path.rpartition("/")[0] or ("/" if path.startswith("/") else "."))
                    case ["basename", path, *suffix]:
                        said.append(path.rpartition("/")[2].removesuffix(suffix[0] if suffix else ""))
                    case _:
                        return None
            return "\n".join(said) if len(self.missing) == marks else None
        finally:
            self.depth -= 1
            self.cwd = cwd
            del self.missing[marks:]

    def cut(self, text: str) -> str | None:
        """`${NAME#pattern}`, `##`, `%`, `%%`, `${NAME:offset:length}`, `^^` and `,,` of a known value."""
        match = re.fullmatch(
            r"\$\{([A-Za-z_]\w*|\d+)(?:(##?|%%?)(.*)|:(\d{1,6})(?::(\d{1,6}))?|(\^\^|,,))\}", text, re.DOTALL
        )
        if match is None:
            return None
        name = match[1]
        if name.isdigit():
            index = int(name[:4]) - 1
            value = self.arguments[index] if 0 <= index < len(self.arguments) else ""
        elif name in self.env:
            value = self.env[name]
        else:
            return None
        if match[4] is not None:
            start = int(match[4])
            return value[start : start + int(match[5])] if match[5] is not None else value[start:]
        if match[6]:
            return value.upper() if match[6] == "^^" else value.lower()
        pattern, value = "".join(self.words(match[3], split=False)), value[:_CUT]
        ends = range(len(value) + 1)
        if match[2].startswith("#"):
            cuts = (value[:end] for end in (reversed(ends) if match[2] == "##" else ends))
            return value[len(found) :] if (found := _first_like(cuts, pattern)) is not None else value
        cuts = (value[end:] for end in (ends if match[2] == "%%" else reversed(ends)))
        found = _first_like(cuts, pattern)
        return value[: len(value) - len(found)] if found is not None else value


def _first_like(texts: Iterable[str], pattern: str) -> str | None:
    return next((text for text in texts if fnmatch.fnmatchcase(text, pattern)), None)


def _exec_words(words: list[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] == "-a" else words[1:]
    return words


def _variable_end(text: str, i: int) -> int:
    if text[i] == "`" or text[i + 1 : i + 2] in ("{", "("):
        return _atom(text, i)
    if match := _NAME.match(text, i + 1):
        return match.end()
    return i + 2 if text[i + 1 : i + 2] and text[i + 1] in "@*#?$!0123456789-" else i + 1


def _joined(folder: str, name: str) -> str:
    """`name` seen from an absolute `folder`, `.` and `..` resolved."""
    parts: list[str] = []
    for part in (name if name.startswith("/") else f"{folder}/{name}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def parse(text: str) -> list[_Node]:
    """The commands of a script. Raises ShellSyntaxError."""
    parser = _Parser(_tokens(text))
    nodes = parser.sequence(frozenset())
    if parser.peek() is not None:
        raise ShellSyntaxError("a block is closed that was never opened")
    return nodes


def follow(
    text: str,
    *,
    env: Mapping[str, str],
    arguments: Sequence[str] = (),
    cwd: str = "/",
    script: str = "sh",
    source: Callable[[str, str], str | None] = lambda *_: None,
    exists: Callable[[str], bool | None] = lambda _: None,
) -> Outcome:
    """Where a script leads with these variables and arguments.

    `source` gives the text of a file that the script reads in (absolute path, as written), `exists`
    whether a path is there. Raises ShellSyntaxError.
    """
    follower = _Follower(env, arguments, cwd, script, source, exists)
    try:
        follower.run(parse(text))
    except _Stop:
        pass
    except RecursionError:
        raise ShellSyntaxError("blocks are nested too deeply") from None
    setup = list(follower.ran)
    rewrites = tuple(follower.rewrites)
    main = follower.main
    uncertain = list(follower.uncertain)
    if main is None and setup:
        main = setup.pop()
    if main is None and uncertain:
        main = uncertain.pop()
    if main is None and follower.background:
        main = follower.background.pop()
    return Outcome(
        main=main,
        setup=tuple(setup),
        background=tuple(follower.background),
        uncertain=tuple(u for u in uncertain if main is None or u.argv != main.argv),
        missing=tuple(dict.fromkeys(follower.main_missing)),
        rewrites=rewrites,
        env=follower.env,
        cwd=follower.cwd,
    )
