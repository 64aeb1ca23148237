"""What the code of a program does that matters outside its container, by the table of packages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from analyzers.languages import syntax
from analyzers.languages.rust import memory, table
from analyzers.languages.rust.cargo import Package
from analyzers.languages.rust.reach import Reached, When
from analyzers.languages.rust.scan import Call, File
from analyzers.languages.rust.table import Meaning
from analyzers.languages.rust.values import Values
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

_SCHEMES = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
}
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?=[/?#{]|$)")
_CALLING = re.compile(
    r"^(?:get|post|put|patch|delete|head|request|from_static)$|proxy|fetch|request|download|query|forward"
)
_REMOVES = re.compile(r"^fs::(?:remove_|rename|set_permissions)|^remove_|^rename$")
_LOCAL = re.compile(r"//(?:localhost|127\.|0\.0\.0\.0|\[::)")
_SIMPLE = {
    "subprocess": FactKind.SUBPROCESS,
    "thread": FactKind.THREAD,
    "scheduler": FactKind.BACKGROUND,
    "worker": FactKind.WORKER,
    "websocket": FactKind.WEBSOCKET,
    "signal": FactKind.SIGNAL,
    "gpu": FactKind.GPU,
    "compute": FactKind.COMPUTE,
    "host": FactKind.HOST,
    "file-write": FactKind.FILE_WRITE,
    "file-write-temporary": FactKind.FILE_WRITE,
    "file-read": FactKind.FILE_READ,
    "cache": FactKind.CACHE,
    "client-address": FactKind.CLIENT_ADDRESS,
    "local-store": FactKind.FILE_WRITE,
}
_OF_TYPES = frozenset({"websocket", "client-address", "database-type"})
_ORDER = (Reach.REQUEST, Reach.UNKNOWN, Reach.IMPORT)


class Collector:
    """Collects the facts of a program; one of a kind, subject and detail, with all its evidence."""

    def __init__(
        self, files: list[File], packages: list[Package], reached: Reached, values: Values, tree: Tree
    ) -> None:
        self.files = files
        self.packages = packages
        self.reached = reached
        self.values = values
        self.tree = tree
        self.looping = {(spawn.file, spawn.call.start) for spawn in reached.spawns if spawn.loops}
        self.crates = {one.name for package in packages for one in package.dependencies()}
        self._found: dict[tuple[FactKind, str, str], Fact] = {}

    def collect(self) -> tuple[Fact, ...]:
        for position, file in enumerate(self.files):
            for call in file.calls:
                if call.path.startswith("."):
                    self._method(position, file, call)
                else:
                    self._call(position, file, call)
            self._types(position, file)
            self._macros(position, file)
            self._env_of_arguments(position, file)
        self._opened_files()
        self._without_removals()
        self._urls()
        self._background()
        for fact in memory.find(self.files, self.reached, self.tree):
            self._found.setdefault((fact.kind, fact.subject, fact.detail), fact)
        return tuple(self._found.values())

    def _add(
        self,
        kind: FactKind,
        subject: str,
        position: int,
        line: int,
        reach: Reach,
        detail: str = "",
        confidence: Confidence | None = None,
    ) -> None:
        file = self.files[position]
        place = Evidence(file.path, line, self.tree.line(file.path, line))
        sure = confidence or (Confidence.MEDIUM if reach is Reach.UNKNOWN else Confidence.HIGH)
        before = self._found.get((kind, subject, detail))
        if before is not None:
            if place in before.evidence or len(before.evidence) >= 8:
                evidence = before.evidence
            else:
                evidence = (*before.evidence, place)
            if _ORDER.index(reach) < _ORDER.index(before.reach):
                evidence = (place, *(e for e in before.evidence if e != place))
            else:
                reach, sure = before.reach, before.confidence
            self._found[kind, subject, detail] = Fact(kind, subject, evidence, detail, reach, sure)
        else:
            self._found[kind, subject, detail] = Fact(kind, subject, (place,), detail, reach, sure)

    def _call(self, position: int, file: File, call: Call) -> None:
        for meaning in self._meanings(file, call.path):
            self._judge(position, file, call, meaning)
        parts = call.path.split("::")
        if (
            parts[-1] == "connect"
            and len(parts) > 1
            and parts[-2].endswith("Client")
            and "tonic" in self.crates
        ):
            known = file.resolve(parts[-2])
            if (
                known.partition("::")[0] in (*{f.crate for f in self.files}, "crate", "self", "super")
                or "::" not in known
            ):
                self._outbound(position, file, call, "grpc")

    def _meanings(self, file: File, path: str) -> tuple[Meaning, ...]:
        found = table.meanings(path)
        if found or "::" not in path:
            if not found and "::" not in path:
                return tuple(m for glob in file.globs for m in table.meanings(f"{glob}::{path}"))
            return found
        first = path.partition("::")[0]
        if table.knows(first):
            return found
        own = {"crate", "self", "super", *file.inline, *(name for name, _, _ in file.modules)}
        if first in own or any(other.crate == first for other in self.files):
            parts = path.split("::")
            for size in (2, 1):  # `crate::db::Connection::open`, re-exported there
                if len(parts) > size:
                    home, name = parts[-size - 1], parts[-size]
                    for other in self.files:
                        stem = other.guest.rsplit("/", 1)[-1][:-3]
                        if home in (stem, other.guest.rsplit("/", 2)[-2]) and name in other.uses:
                            return table.meanings(
                                "::".join((other.uses[name], *parts[len(parts) - size + 1 :]))
                            )
            return ()
        return tuple(m for glob in file.globs for m in table.meanings(f"{glob}::{path}"))

    def _judge(self, position: int, file: File, call: Call, meaning: Meaning) -> None:
        reach = self.reached.reach(position, call.function, call.start)
        kind = meaning.kind
        tail = "::".join(call.path.split("::")[-2:])
        if kind == "outbound":
            self._outbound(position, file, call, meaning.subject)
        elif kind == "database":
            self._database(position, file, call, meaning.subject)
        elif kind == "database-by-feature":
            for protocol in self._by_feature(meaning.crate, call, file):
                self._database(position, file, call, protocol)
        elif kind == "env":
            self._env(position, file, call, reach)
        elif kind == "forward":
            self._add(FactKind.FORWARD, tail, position, call.line, reach, "main", Confidence.MEDIUM)
        elif kind in _SIMPLE and kind != "client-address":
            self._simple(position, file, call, meaning, reach, tail)

    def _simple(
        self, position: int, file: File, call: Call, meaning: Meaning, reach: Reach, tail: str
    ) -> None:
        kind = _SIMPLE[meaning.kind]
        first = call.arguments[0] if call.arguments else None
        text = self.values.text(first, file, call.function) if first is not None else None
        subject, detail = tail, ""
        if meaning.kind == "subprocess":
            if reach is Reach.IMPORT and self._asks(file, call):
                return
            detail = text if text and "{}" not in text else ""
        elif meaning.kind == "file-write-temporary":
            subject = f"tempfile {tail}"
            if tail.endswith("Builder::new") and not call.path.startswith(("tempfile::", "async_tempfile::")):
                return
        elif meaning.kind in ("file-write", "file-read"):
            if text in ("/dev/null", "/dev/stdout", "/dev/stderr"):
                return
            last = len(call.arguments) - 1
            if meaning.kind == "file-write" and tail.endswith(("copy", "rename")) and last > 0:
                text = self.values.text(call.arguments[last], file, call.function)
            subject = text if text and text.replace("{}", "") else tail
        elif meaning.kind == "local-store":
            subject = text if text and text.replace("{}", "") else tail
            detail = meaning.crate
            reach = Reach.REQUEST  # opened once, written by whoever asks
        elif meaning.kind == "gpu":
            subject = meaning.crate
        elif meaning.kind == "signal":
            named = re.search(r"SignalKind::(\w+)", syntax.text(call.node)[:300])
            subject = f"SIG{named[1].upper()[:4]}" if named else "SIGINT"
        elif meaning.kind == "compute":
            subject = meaning.crate
        elif meaning.kind == "thread" and (position, call.start) in self.looping:
            reach = Reach.UNKNOWN
        self._add(kind, subject, position, call.line, reach, detail)

    def _asks(self, file: File, call: Call) -> bool:
        """Whether a program is only asked whether it is there: the function around it answers yes or no."""
        if call.function < 0:
            return False
        answer = file.functions[call.function].node.child_by_field_name("return_type")
        return answer is not None and syntax.text(answer) == "bool"

    def _outbound(self, position: int, file: File, call: Call, protocol: str) -> None:
        reach = self.reached.reach(position, call.function, call.start)
        host = ""
        for argument in call.arguments[:2]:
            text = self.values.text(argument, file, call.function)
            if text and (found := _host(text)):
                host = found
                break
        self._add(FactKind.OUTBOUND, protocol, position, call.line, reach, host)

    def _database(self, position: int, file: File, call: Call, protocol: str) -> None:
        reach = self.reached.reach(position, call.function, call.start)
        detail = ""
        first = call.arguments[0] if call.arguments else None
        text = self.values.text(first, file, call.function) if first is not None else None
        if protocol == "sqlite":
            if "memory" in call.path.rpartition("::")[2] or (text and ":memory:" in text):
                detail = ":memory:"
            elif text and text.replace("{}", ""):
                detail = text.removeprefix("sqlite://").removeprefix("sqlite:").partition("?")[0]
        elif text:
            detail = _host(text)
        if any(k[0] is FactKind.DATABASE and k[1] == protocol for k in self._found) and not detail:
            same = next(k for k in self._found if k[0] is FactKind.DATABASE and k[1] == protocol)
            detail = same[2]
        elif detail and (FactKind.DATABASE, protocol, "") in self._found:
            before = self._found.pop((FactKind.DATABASE, protocol, ""))
            self._found[FactKind.DATABASE, protocol, detail] = Fact(
                before.kind, protocol, before.evidence, detail, before.reach, before.confidence
            )
        self._add(FactKind.DATABASE, protocol, position, call.line, reach, detail)

    def _by_feature(self, crate: str, call: Call, file: File) -> tuple[str, ...]:
        """Databases that a package's features leave, narrowed by the address where one is known."""
        first = call.arguments[0] if call.arguments else None
        text = self.values.text(first, file, call.function) if first is not None else None
        for value in (text, self.values.env.get("DATABASE_URL")):
            scheme = (value or "").partition(":")[0]
            if scheme in _SCHEMES:
                return (_SCHEMES[scheme],)
        wanted: set[str] = set()
        for package in self.packages:
            for one in package.dependencies():
                if one.package == crate:
                    wanted |= one.features | package.asked.get(one.key, set())
        features = table.data()["database-by-feature"]["features"]
        return tuple(p for p, names in features.items() if wanted & set(names))

    def _env(self, position: int, file: File, call: Call, reach: Reach) -> None:
        name = self.values.text(call.arguments[0], file, call.function) if call.arguments else None
        if not name or not re.fullmatch(r"[A-Za-z_]\w*", name):
            return
        self._add(FactKind.ENV_READ, name, position, call.line, reach, self._default(file, call))

    def _default(self, file: File, call: Call) -> str:
        """The default of a variable, "" where the program ends without it, `(none)` where none is needed."""
        here = call.node
        for _ in range(20):
            above = here.parent
            if above is None or above.type not in ("field_expression", "call_expression", "try_expression"):
                break
            if above.type == "try_expression":
                return ""
            if above.type == "field_expression":
                name = above.child_by_field_name("field")
                title = syntax.text(name) if name is not None else ""
                outer = above.parent
                if title in ("expect", "unwrap") or outer is None:
                    return ""
                if title.startswith(("unwrap_or", "or_else", "or", "map_or", "is_ok", "is_err", "ok")):
                    given = outer.child_by_field_name("arguments")
                    for argument in given.named_children if given is not None else ():
                        value = self.values.text(argument, file, call.function)
                        if value and "{}" not in value:
                            return value
                    return "(none)"
            here = above
        return "(none)"

    def _env_of_arguments(self, position: int, file: File) -> None:
        """Variables that clap, envconfig and their like fill fields from."""
        for field in file.fields:
            text = " ".join(field.attributes)
            if not re.search(r"#\[\s*(?:arg|clap|structopt|envconfig|argh|config|env)\b", text):
                continue
            named = re.search(r'\b(?:env|from)\s*=\s*"(\w+)"', text)
            bare = re.search(r"[(,]\s*env\s*[,)]", text)
            if named is None and bare is None:
                continue
            name = named[1] if named else field.name.upper()
            default = re.search(r'\bdefault(?:_value(?:_t)?)?\s*=\s*"?([^",)]+)', text)
            optional = field.type.startswith(("Option", "bool", "Vec"))
            detail = default[1] if default else "(none)" if optional else ""
            self._add(FactKind.ENV_READ, name, position, field.line, Reach.IMPORT, detail)

    def _method(self, position: int, file: File, call: Call) -> None:
        name = call.path[1:]
        reach = self.reached.reach(position, call.function, call.start)
        for kind, fact in (
            ("worker-method", FactKind.WORKER),
            ("thread-method", FactKind.THREAD),
            ("client-address-method", FactKind.CLIENT_ADDRESS),
        ):
            crates = table.methods(kind).get(name, ())
            crate = next((c for c in crates if c in self.crates), None)
            if crate is not None and self._used(file, crate, name):
                self._add(fact, f"{crate}.{name}", position, call.line, reach)

    def _used(self, file: File, crate: str, name: str) -> bool:
        """Whether a method's name may mean that package's: the file names it, or few others have it."""
        if name not in ("subscribe", "remote"):
            return True
        names = {path.partition("::")[0] for path in (*file.uses.values(), *file.globs)}
        return crate in names or any(c.path.startswith(crate + "::") for c in file.calls)

    def _types(self, position: int, file: File) -> None:
        for path, line, function in file.types:
            if "::" not in path:
                continue
            for meaning in table.meanings(path):
                if meaning.kind not in _OF_TYPES:
                    continue
                if meaning.kind == "database-type":
                    self._by_type(position, line, meaning.subject)
                else:
                    reach = Reach.REQUEST if function >= 0 else Reach.UNKNOWN
                    subject = path.rpartition("::")[2]
                    self._add(_SIMPLE[meaning.kind], subject, position, line, reach)

    def _by_type(self, position: int, line: int, protocol: str) -> None:
        if not any(k[0] is FactKind.DATABASE and k[1] == protocol for k in self._found):
            self._add(FactKind.DATABASE, protocol, position, line, Reach.REQUEST)

    def _macros(self, position: int, file: File) -> None:
        """Calls of the environment and of processes inside macros (`format!("{}", env::var("X")?)`)."""
        for macro in file.macros:
            reach = self.reached.reach(position, macro.function, macro.start)
            if macro.path.rpartition("::")[2] in ("duct_cmd", "cmd") and macro.path.partition("::")[0] in (
                "duct",
                "xshell",
                "cmd_lib",
            ):
                self._add(FactKind.SUBPROCESS, macro.path, position, macro.line, reach)
            for match in re.finditer(r'\benv::var\s*\(\s*"(\w+)"\s*\)', macro.tokens):
                line = macro.line + macro.tokens.count("\n", 0, match.start())
                rest = macro.tokens[match.end() : match.end() + 40].lstrip()
                detail = "" if rest.startswith((".expect", ".unwrap()", "?")) else "(none)"
                self._add(FactKind.ENV_READ, match[1], position, line, reach, detail)

    def _opened_files(self) -> None:
        """`OpenOptions` that write: the chain says `write`, `append` or `create`, and `open`."""
        for position, file in enumerate(self.files):
            for call in file.calls:
                if call.path != ".open" or call.receiver is None:
                    continue
                chain = syntax.text(call.receiver)
                if "OpenOptions" not in chain and "File::options" not in chain:
                    continue
                if not re.search(r"\.(?:write|append|create|create_new|truncate)\s*\(\s*true", chain):
                    continue
                text = self.values.text(call.arguments[0], file, call.function) if call.arguments else None
                if text in ("/dev/null", "/dev/stdout", "/dev/stderr"):
                    continue
                subject = text if text and text.replace("{}", "") else "OpenOptions::open"
                reach = self.reached.reach(position, call.function, call.start)
                self._add(FactKind.FILE_WRITE, subject, position, call.line, reach)

    def _without_removals(self) -> None:
        """Removing and renaming say nothing alone: without a write there is only what somebody else left."""
        written = [k for k in self._found if k[0] is FactKind.FILE_WRITE]
        if all(_REMOVES.search(subject) for _, subject, _ in written):
            for key in written:
                del self._found[key]

    def _urls(self) -> None:
        """Hosts of addresses that are written out as arguments, where HTTP is called at all."""
        calls = [k for k in self._found if k[0] is FactKind.OUTBOUND and k[1] == "http"]
        if not calls:
            return
        for position, file in enumerate(self.files):
            for call in file.calls:
                name = call.path.rpartition("::")[2].removeprefix(".")
                if not _CALLING.search(name):
                    continue
                for argument in call.arguments[:3]:
                    if argument.type in ("closure_expression", "call_expression", "block"):
                        continue
                    text = self.values.text(argument, file, call.function)
                    match = _URL.match(text or "")
                    if match and not _LOCAL.search(match[0]) and "." in match[0]:
                        reach = self.reached.reach(position, call.function, call.start)
                        place = urlsplit(match[0]).netloc
                        self._add(
                            FactKind.OUTBOUND,
                            "http",
                            position,
                            call.line,
                            reach,
                            match[0] if match[0].startswith("http:") else place,
                        )

    def _background(self) -> None:
        for spawn in self.reached.spawns:
            if not spawn.loops:
                continue
            when = self.reached.when(spawn.file, spawn.call.function, spawn.call.start)
            reach = Reach.REQUEST if When.REQUEST in when else Reach.UNKNOWN
            self._add(
                FactKind.BACKGROUND,
                spawn.call.path,
                spawn.file,
                spawn.call.line,
                reach,
                confidence=Confidence.MEDIUM,
            )


def _host(text: str) -> str:
    """host[:port] of an address, "" where it is not known."""
    if "://" in text:
        try:
            url = urlsplit(text)
            host, port = url.hostname or "", url.port
        except ValueError:
            return ""
        if not host or "{" in host or port == 0:
            return ""
        return f"{host}:{port}" if port else host
    match = re.fullmatch(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?):(\d{1,5})", text)
    return text if match and match[2] != "0" and match[1] != "0.0.0.0" else ""  # noqa: S104 - compared
