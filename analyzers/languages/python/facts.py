"""What the application's code does that matters outside its container, each with the line that shows it.

`calls.toml` says which calls and imports mean what; this module finds them, decides when they run, and
looks for the one thing no table can name: memory that one request leaves and a later one reads.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analyzers.languages.python import main_block
from analyzers.languages.python.entry import Entry, of_expression
from analyzers.languages.python.modules import Module, Program, bound_names, dotted, origin
from analyzers.languages.python.requirements import Imported
from analyzers.languages.python.scopes import Calls, Scope, of_module
from analyzers.languages.python.values import UnknownValueError, evaluate, text_of, written
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

_EVIDENCE = 12  # lines shown for one fact
_PROXY_FIX = "werkzeug.middleware.proxy_fix.ProxyFix"  # the client's address comes from a header then
_REMOTE_ADDRESS = "flask_limiter.util.get_remote_address"


@cache
def _tables() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "calls.toml").read_text(encoding="utf-8"))


def external_imports(program: Program, modules: Iterable[Module]) -> dict[str, Imported]:
    """Dotted names that the modules import and that are none of the application's own."""
    names: dict[str, Imported] = {}
    for module in modules:
        for item in module.imports:
            if program.top_level_is_own(item.module) and program.own(item.module):
                continue
            full = [item.module]
            if item.attribute and item.attribute != "*":
                full.append(f"{item.module}.{item.attribute}")
            for name in full:
                before = names.get(name)
                if before is None or (before.optional and not item.optional):
                    names[name] = Imported(program.evidence(module, item.line), item.optional)
    return names


def collect(program: Program, entry: Entry, modules: Sequence[Module], *, external: bool) -> tuple[Fact, ...]:
    """The facts of all modules, in reading order. `external`: there is no entry, so when code runs is
    not known."""
    found: list[Fact] = []
    scopes: list[Scope] = []
    for module in modules:
        try:
            main = entry.main_script and module is entry.module
            scopes += of_module(module, main=main)
        except RecursionError:
            program.guest.tree.give_up(module.path, "is nested too deeply to be analysed")
    calls = Calls(program, entry, scopes)
    state = _State(program, scopes)
    for scope in scopes:
        try:
            reader = _Reader(program, entry, calls, state, scope)
            found += list(reader.facts())
        except RecursionError:
            program.guest.tree.give_up(scope.module.path, "is nested too deeply to be analysed")
    for module in modules:
        found += _import_facts(program, module, state.settled)
    try:
        found += main_block.find(program, entry, scopes)
    except RecursionError:
        program.guest.tree.give_up(entry.module.path if entry.module else "", "is nested too deeply")
    if any(_PROXY_FIX in module.names.values() for module in modules):
        found = [fact for fact in found if fact.kind is not FactKind.CLIENT_ADDRESS]
    for scope in scopes:
        scope.inner.clear()  # no cycle is left, so that all of it is freed at once and not searched for
    if external:
        found = [replace(fact, reach=Reach.UNKNOWN) for fact in found]
    return _merged(found, program.guest.tree)


def _merged(found: Iterable[Fact], tree: Tree) -> tuple[Fact, ...]:
    """Facts that say the same become one with several lines; their text is read only now."""
    groups: dict[tuple[object, ...], tuple[Fact, dict[Evidence, None]]] = {}
    for fact in sorted(
        found, key=lambda f: (f.evidence[0].path, f.evidence[0].line) if f.evidence else ("", 0)
    ):
        key = (fact.kind, fact.subject, fact.detail, fact.reach, fact.confidence)
        _, lines = groups.setdefault(key, (fact, {}))
        if len(lines) < _EVIDENCE:
            lines.update(dict.fromkeys(fact.evidence))
    return tuple(
        replace(
            fact, evidence=tuple(replace(line, snippet=tree.line(line.path, line.line)) for line in lines)
        )
        for fact, lines in groups.values()
    )


# --- imports ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What importing a name says, as the tables have it."""

    unsupported: tuple[str, str] | None = None  # module, why
    gpu: str | None = None
    compute: str | None = None
    websocket: str | None = None
    outbound: tuple[tuple[str, str], ...] = ()  # library, protocol


@cache
def _meaning(full: str) -> _Meaning | None:
    """The meaning of a dotted name, None where it has none."""
    tables = _tables()

    def one_of(names: Iterable[str]) -> str | None:
        return next((n for n in names if full == n or full.startswith(n + ".")), None)

    reason = one_of(tables["unsupported-stdlib"])
    websocket = one_of(tables["websocket"]["imports"])
    if websocket is None and full in ("fastapi.WebSocket", "starlette.websockets.WebSocket"):
        websocket = full
    harmless = ("http.client.HTTPStatus", "requests.exceptions", "urllib.request.pathname")
    outbound = [
        (name, protocol)
        for protocol, libraries in tables["outbound"].items()
        if not full.startswith(harmless) and (name := one_of(libraries))
    ]
    found = _Meaning(
        (reason, tables["unsupported-stdlib"][reason]) if reason and not _harmless(full) else None,
        one_of(tables["gpu"]["imports"]),
        one_of(tables["compute"]["imports"]),
        websocket,
        tuple(outbound),
    )
    return found if found != _Meaning() else None


def _import_facts(program: Program, module: Module, settled: Set[str]) -> Iterator[Fact]:
    for item in module.imports:
        full = f"{item.module}.{item.attribute}" if item.attribute else item.module
        meaning = _meaning(full)
        if meaning is None or program.own(item.module):
            continue
        evidence = (Evidence(module.path, item.line),)
        if meaning.unsupported and not item.optional:
            yield Fact(
                FactKind.UNSUPPORTED_STDLIB,
                meaning.unsupported[0],
                evidence,
                meaning.unsupported[1],
                Reach.IMPORT,
            )
        if meaning.gpu:
            sure = Confidence.MEDIUM if meaning.gpu == "onnxruntime" else Confidence.HIGH
            yield Fact(FactKind.GPU, meaning.gpu, evidence, "", Reach.IMPORT, sure)
        if meaning.compute:
            yield Fact(FactKind.COMPUTE, meaning.compute, evidence, "", Reach.REQUEST, Confidence.MEDIUM)
        if meaning.websocket:
            yield Fact(FactKind.WEBSOCKET, meaning.websocket, evidence)
        for name, protocol in meaning.outbound:
            if name in settled:
                continue  # a call of this library says it, with its host or the lack of one
            yield Fact(FactKind.OUTBOUND, protocol, evidence, "", Reach.REQUEST, Confidence.MEDIUM)
            if protocol in _tables()["database"]["protocols"]:
                yield Fact(FactKind.DATABASE, protocol, evidence, "", Reach.REQUEST, Confidence.MEDIUM)


def _harmless(name: str) -> bool:
    """Parts of unusable modules that work all the same."""
    return name in ("multiprocessing.cpu_count", "ctypes.util")


# --- memory ---------------------------------------------------------------------------------------------

_CONTAINERS = frozenset(
    {
        "dict",
        "list",
        "set",
        "bytearray",
        "collections.defaultdict",
        "collections.deque",
        "collections.Counter",
    }
    | {
        "collections.OrderedDict",
        "collections.ChainMap",
        "queue.Queue",
        "queue.LifoQueue",
        "queue.PriorityQueue",
    }
    | {"queue.SimpleQueue", "weakref.WeakValueDictionary", "weakref.WeakKeyDictionary", "itertools.count"}
    | {"itertools.cycle", "array.array", "asyncio.Queue", "io.StringIO", "io.BytesIO"}
)
_CACHES = frozenset({"cachetools.TTLCache", "cachetools.LRUCache", "cachetools.LFUCache", "cachetools.Cache"})
_MUTATORS = frozenset(
    {
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "add",
        "update",
        "pop",
        "popleft",
        "popitem",
        "remove",
    }
    | {
        "discard",
        "clear",
        "setdefault",
        "put",
        "put_nowait",
        "get_nowait",
        "move_to_end",
        "subtract",
        "rotate",
    }
    | {"intersection_update", "difference_update", "symmetric_difference_update", "reverse", "sort", "write"}
)
# Objects whose attributes belong to one request or one thread, whatever sets them.
_PER_REQUEST = (
    "flask.g",
    "flask.session",
    "flask.request",
    "contextvars.",
    "threading.local",
    "werkzeug.local.",
)
_APP_STORES = frozenset({"config", "extensions", "state", "ctx"})


@dataclass(frozen=True, slots=True)
class _Holder:
    """A module-level name that requests can change."""

    name: str  # module.name
    kind: str  # container, cache, counter, local, object, own
    node: ast.AST
    module: Module


class _State:
    """Module-level objects of the whole application, and which own classes change themselves."""

    def __init__(self, program: Program, scopes: Sequence[Scope]) -> None:
        self.program = program
        self.holders: dict[str, _Holder] = {}
        self.constants: dict[str, list[tuple[Module, ast.expr]]] = {}
        self.settled: set[str] = set()  # libraries whose calls were seen
        modules = {id(scope.module): scope.module for scope in scopes}.values()
        self.reads_env = any(  # whether a library that makes readers of the environment is imported
            name.startswith(("environ", "starlette")) for module in modules for name in module.names.values()
        )
        self.on_app: dict[str, _Holder] = {}  # attributes that the application is given when it starts
        self._given: dict[int, dict[str, list[ast.expr]]] = {}
        for scope in scopes:
            if scope.kind in ("module", "class"):
                for node in scope.nodes:
                    self._bindings(scope, node)
        for scope in scopes:
            if scope.reach is Reach.IMPORT:
                for node in scope.nodes:
                    if isinstance(node, ast.Assign):
                        self._put_on_application(scope, node)

    def _put_on_application(self, scope: Scope, node: ast.Assign) -> None:
        """`app.repo = InMemoryRepo()`, `app.state.sessions = {}`."""
        for target in node.targets:
            if isinstance(target, ast.Attribute) and _is_application(target.value):
                kind = self.kind(scope, node.value)
                named = self.holder(scope, node.value) if isinstance(node.value, ast.Name) else None
                if named is not None:
                    self.on_app.setdefault(target.attr, named)
                elif kind in ("container", "cache", "own"):
                    self.on_app.setdefault(
                        target.attr, _Holder(f"app.{target.attr}", kind, node, scope.module)
                    )

    def given(self, scope: Scope, name: str) -> Sequence[ast.expr]:
        """What a local name of a function is given; of a parameter what `Depends(f)` makes of it."""
        known = self._given.get(id(scope))
        if known is None:
            known = self._given[id(scope)] = {}
            for node in scope.nodes:
                if isinstance(node, ast.Assign | ast.AnnAssign):
                    for target, value in bound_names(node):
                        if value is not None:
                            known.setdefault(target, []).append(value)
            for parameter, default in _defaults(scope.node):
                if isinstance(default, ast.Call) and default.args and _name_of(default.func) == "Depends":
                    known.setdefault(parameter, []).append(ast.Call(default.args[0], [], []))
        return known.get(name, ())

    def _bindings(self, scope: Scope, node: ast.AST) -> None:
        for target, value in bound_names(node) if isinstance(node, ast.Assign | ast.AnnAssign) else ():
            if value is None:
                continue
            self.constants.setdefault(target, []).append((scope.module, value))
            if isinstance(value, ast.Dict):
                for key, inner in zip(value.keys, value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        self.constants.setdefault(key.value, []).append((scope.module, inner))
            kind = self.kind(scope, value)
            prefix = scope.module.name if scope.kind == "module" else f"{scope.module.name}.{scope.name}"
            if kind is not None:
                name = f"{prefix}.{target}"
                self.holders.setdefault(name, _Holder(name, kind, node, scope.module))

    def kind(self, scope: Scope, value: ast.expr) -> str | None:
        if isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
            return "container"
        if isinstance(
            value, ast.Constant | ast.BinOp | ast.JoinedStr | ast.Tuple | ast.Compare | ast.UnaryOp
        ):
            return "scalar"
        if not isinstance(value, ast.Call):
            return None
        name = scope.origin(value.func) or ""
        if name in _CONTAINERS:
            return "container"
        if name in _CACHES:
            return "cache"
        if name.startswith(("threading.local", "contextvars.", "werkzeug.local")):
            return "local"
        if name.startswith("prometheus_client."):
            return "metric"
        found = self.program.definition(name) if "." in name else self.program.lookup(scope.module, name)
        if found is not None and isinstance(found.node, ast.ClassDef):
            return "own"
        return "object"

    def holder(self, scope: Scope, node: ast.expr) -> _Holder | None:
        """The module-level object that a name or an attribute chain means."""
        name = scope.origin(node)
        if name is None:
            return None
        if "." not in name:
            found = self.holders.get(f"{scope.module.name}.{name}")
            if found is not None:
                return found
            definition = self.program.lookup(scope.module, name)
        else:
            if name in self.holders:
                return self.holders[name]
            if (hit := self.holders.get(f"{scope.module.name}.{name}")) is not None:  # Class.attribute
                return hit
            definition = self.program.definition(name)
            if definition is None:
                head, _, last = name.rpartition(".")
                outer = (
                    self.program.definition(head) if "." in head else self.program.lookup(scope.module, head)
                )
                return self.holders.get(f"{outer.module.name}.{outer.name}.{last}") if outer else None
        return self.holders.get(f"{definition.module.name}.{definition.name}") if definition else None


def _is_application(node: ast.expr) -> bool:
    """`app`, `current_app`, `request.app`, `app.state`: by name, for what it is is seldom in sight."""
    return _name_of(node) in ("app", "application", "current_app") or (
        isinstance(node, ast.Attribute) and node.attr == "state" and _is_application(node.value)
    )


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _defaults(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [a.arg for a in node.args.posonlyargs + node.args.args]
        defaults = node.args.defaults
        yield from zip(names[len(names) - len(defaults) :], defaults, strict=True)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is not None:
                yield argument.arg, default


# --- one scope ---------------------------------------------------------------------------------------------

_WRITE_CALLS = {
    "os.remove": 0,
    "os.unlink": 0,
    "os.rename": 1,
    "os.replace": 1,
    "os.mkdir": 0,
    "os.makedirs": 0,
    "os.rmdir": 0,
    "os.removedirs": 0,
    "os.truncate": 0,
    "os.symlink": 1,
    "os.link": 1,
    "shutil.copy": 1,
    "shutil.copy2": 1,
    "shutil.copyfile": 1,
    "shutil.copytree": 1,
    "shutil.move": 1,
    "shutil.rmtree": 0,
    "shutil.unpack_archive": 1,
    "shutil.make_archive": 0,
    "logging.FileHandler": 0,
    "logging.handlers.RotatingFileHandler": 0,
    "logging.handlers.TimedRotatingFileHandler": 0,
    "logging.handlers.WatchedFileHandler": 0,
    "shelve.open": 0,
    "dbm.open": 0,
}
_TEMPORARY = frozenset(
    {
        "tempfile.NamedTemporaryFile",
        "tempfile.TemporaryFile",
        "tempfile.TemporaryDirectory",
        "tempfile.mkstemp",
    }
    | {"tempfile.mkdtemp", "tempfile.SpooledTemporaryFile"}
)
_HTTP_CALLS = frozenset(
    {
        f"{library}.{verb}"
        for library in ("requests", "httpx")
        for verb in ("get", "post", "put", "patch", "delete")
    }
    | {
        f"{library}.{verb}"
        for library in ("requests", "httpx")
        for verb in ("head", "options", "request", "stream")
    }
    | {"urllib.request.urlopen", "urllib.request.Request", "urllib.request.urlretrieve", "aiohttp.request"}
    | {"http.client.HTTPConnection", "http.client.HTTPSConnection"}
)
_CONNECTS = {
    "redis.Redis": "redis",
    "redis.StrictRedis": "redis",
    "redis.asyncio.Redis": "redis",
    "redis.from_url": "redis",
    "redis.Redis.from_url": "redis",
    "redis.StrictRedis.from_url": "redis",
    "redis.asyncio.from_url": "redis",
    "psycopg.connect": "postgres",
    "psycopg2.connect": "postgres",
    "pg8000.connect": "postgres",
    "pg8000.native.Connection": "postgres",
    "pg8000.dbapi.connect": "postgres",
    "asyncpg.connect": "postgres",
    "asyncpg.create_pool": "postgres",
    "pymysql.connect": "mysql",
    "MySQLdb.connect": "mysql",
    "mysql.connector.connect": "mysql",
    "pymongo.MongoClient": "mongodb",
    "motor.motor_asyncio.AsyncIOMotorClient": "mongodb",
    "kafka.KafkaProducer": "kafka",
    "kafka.KafkaConsumer": "kafka",
    "pika.BlockingConnection": "amqp",
    "pika.ConnectionParameters": "amqp",
    "pika.URLParameters": "amqp",
    "smtplib.SMTP": "smtp",
    "smtplib.SMTP_SSL": "smtp",
    "grpc.insecure_channel": "grpc",
    "grpc.secure_channel": "grpc",
    "pymemcache.client.base.Client": "memcached",
    "celery.Celery": "amqp",
}
_DATABASE_SCHEMES = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "mssql",
    "oracle": "oracle",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "cockroachdb": "postgres",
}
_DJANGO_ENGINES = {
    "sqlite3": "sqlite",
    "postgresql": "postgres",
    "postgis": "postgres",
    "mysql": "mysql",
    "oracle": "oracle",
}


# The kinds of nodes that can show a fact; most others are passed over.
_TELLING = frozenset(
    {ast.Call, ast.Subscript, ast.Compare, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign}
    | {ast.AnnAssign, ast.AugAssign, ast.Delete}
)


# Packages every call of which starts a program.
_PROCESS_PACKAGES = frozenset({"subprocess", "sh", "pexpect"})
# The last parts of the names that `_Reader` compares calls with, other than those of the tables.
_NAMED_CALLS = frozenset(
    """
    get getenv pop config from_prefixed_env open ZipFile write_text write_bytes mkdir touch unlink rmdir
    read_text read_bytes basicConfig save send_file send_from_directory Thread create_task ensure_future
    signal import_module __import__ run_module run_path post put patch delete head request Client AsyncClient
    ClientSession create_engine create_async_engine engine_from_config Database connect socket TCPServer
    UDPServer start_server create_connection server serve Cache Limiter
    """.split()  # noqa: SIM905 - as a list it would take fifty lines
)


@cache
def _telling_calls() -> frozenset[str]:
    tables = _tables()
    names = {*_WRITE_CALLS, *_TEMPORARY, *_HTTP_CALLS, *_CONNECTS, *tables["unsupported-call"]}
    for table in ("subprocess", "thread", "background", "compute", "cache", "host"):
        names |= set(tables[table]["calls"])
    return _NAMED_CALLS | {name.rpartition(".")[2] for name in names}


@cache
def _telling_starts() -> tuple[str, ...]:
    """How the last part begins where a prefix of the table says so (`os.exec…`)."""
    starts = (prefix.rpartition(".")[2] for prefix in _tables()["subprocess"]["prefixes"])
    return tuple(start for start in starts if start)


class _Reader:
    """Finds the facts of one scope."""

    def __init__(self, program: Program, entry: Entry, calls: Calls, state: _State, scope: Scope) -> None:
        self.program = program
        self.entry = entry
        self.calls = calls
        self.state = state
        self.scope = scope
        self.module = scope.module
        function = scope.function
        self.reach = function.reach if function is not None else Reach.IMPORT
        self.sure = function is None or function.sure

    def fact(
        self,
        kind: FactKind,
        subject: str,
        node: ast.AST,
        detail: str = "",
        sure: Confidence = Confidence.HIGH,
    ) -> Fact:
        evidence = (Evidence(self.module.path, getattr(node, "lineno", 1)),)
        # Neither start nor requests are seen to lead here: commands, dead code, or a call in disguise.
        if self.reach is Reach.UNKNOWN:
            sure = Confidence.LOW
        elif not self.sure and sure is Confidence.HIGH:
            sure = Confidence.MEDIUM
        return Fact(kind, subject, evidence, detail, self.reach, sure)

    def facts(self) -> Iterator[Fact]:
        changes = self.scope.function is not None and self.reach is not Reach.IMPORT
        yield from self.client_address()
        for node in self.scope.nodes:
            if node.__class__ not in _TELLING:
                continue
            if isinstance(node, ast.Call):
                yield from self.call(node)
            elif isinstance(node, ast.Subscript):
                yield from self.subscript(node)
            elif isinstance(node, ast.Compare):
                yield from self.compared(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self.decorators(node)
            elif isinstance(node, ast.ClassDef):
                yield from self.settings_class(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                yield from self.assigned(node)
            if changes:
                yield from self.memory(node)

    def origin(self, node: ast.expr) -> str:
        return self.scope.origin(node) or ""

    def client_address(self) -> Iterator[Fact]:
        """`request.remote_addr`, `request.access_route`, Flask-Limiter's `get_remote_address`."""
        called = (node.func for node in self.scope.nodes if isinstance(node, ast.Call))
        for node in (*self.scope.loads, *called):
            part: ast.expr = node
            while isinstance(part, ast.Attribute) and part.attr not in ("remote_addr", "access_route"):
                part = part.value
            if isinstance(part, ast.Attribute) and _name_of(part.value) == "request":
                yield self.fact(FactKind.CLIENT_ADDRESS, written(part), node)
            elif _name_of(node) == "get_remote_address" and self.origin(node) == _REMOTE_ADDRESS:
                # It is handed to a limiter at import; requests are what it is called for.
                yield replace(
                    self.fact(FactKind.CLIENT_ADDRESS, "get_remote_address", node), reach=Reach.REQUEST
                )

    # --- calls ---

    def call(self, node: ast.Call) -> Iterator[Fact]:
        if not self._tells(node):
            return
        name = self.origin(node.func)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if self.scope.function is None and not name and not method:
            return
        yield from self.env_call(node, name)
        yield from self.file_call(node, name, method)
        yield from self.process_call(node, name)
        yield from self.network_call(node, name, method)
        yield from self.other_call(node, name)

    def _tells(self, node: ast.Call) -> bool:
        """Whether a call can mean anything, by the last part of its name: most cannot."""
        function: ast.expr = node.func
        if isinstance(function, ast.Attribute):
            last = function.attr
            while isinstance(function, ast.Attribute):
                function = function.value
        elif isinstance(function, ast.Name):
            last = self.module.names.get(function.id, function.id).rpartition(".")[2]
        else:
            return False
        if last in _telling_calls() or last.startswith(_telling_starts()):
            return True
        root = getattr(function, "id", "")
        if self.module.names.get(root, root).partition(".")[0] in _PROCESS_PACKAGES:
            return True
        return self.state.reads_env and bool(node.args) and self._is_env_reader(node.func)

    def env_call(self, node: ast.Call, name: str) -> Iterator[Fact]:
        if name in ("os.environ.get", "os.getenv", "os.environ.pop") and node.args:
            default = _argument(node, 1, "default")
            yield from self.env(node, node.args[0], "None" if default is None else self.default(default))
        elif node.args and (name == "decouple.config" or self._is_env_reader(node.func)):
            default = _argument(node, 1, "default")
            yield from self.env(node, node.args[0], "" if default is None else self.default(default))
        elif name.endswith(".from_prefixed_env"):
            yield self.fact(FactKind.ENV_READ, "FLASK_*", node, "None")

    def _is_env_reader(self, function: ast.expr) -> bool:
        """`env("X")`, `env.str("X")` of environs and django-environ."""
        base = function.value if isinstance(function, ast.Attribute) else function
        if not isinstance(base, ast.Name) or not self.state.reads_env:
            return False
        found = self.program.lookup(self.module, base.id)
        if found is None or not isinstance(found.value, ast.Call):
            return False
        made = (Scope(found.module, found.node, "module", "", None).origin(found.value.func)) or ""
        return made in ("environ.Env", "environs.Env", "environ.FileAwareEnv", "starlette.config.Config")

    def default(self, node: ast.expr) -> str:
        """A default as the detail of ENV_READ: its value where known, else as written; '' for empty text."""
        try:
            value = evaluate(self.program, self.module, node)
        except UnknownValueError:
            return written(node)
        return str(value) if value != "" else "''"

    def env(self, node: ast.AST, key: ast.expr, default: str) -> Iterator[Fact]:
        """One variable; where its name is a parameter of an own function, those of the function's calls."""
        try:
            value = evaluate(self.program, self.module, key)
        except UnknownValueError:
            value = None
        if isinstance(value, str):
            yield self.fact(FactKind.ENV_READ, value, node, default)
            return
        helped = list(self._env_helper(key)) if isinstance(key, ast.Name) else []
        yield from helped or (self.fact(FactKind.ENV_READ, written(key), node, default, Confidence.LOW),)

    def _env_helper(self, key: ast.Name) -> Iterator[Fact]:
        function = self.scope.function
        if function is None or not isinstance(function.node, ast.FunctionDef):
            return
        names = [a.arg for a in function.node.args.posonlyargs + function.node.args.args]
        if key.id not in names:
            return
        index = names.index(key.id) - (1 if names[0] in ("self", "cls") else 0)
        for scope, call in self.calls.calls_of(function):
            argument = _argument(call, index, key.id)
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                other = _Reader(self.program, self.entry, self.calls, self.state, scope)
                default = _argument(call, index + 1, "default")
                yield other.fact(
                    FactKind.ENV_READ, argument.value, call, "" if default is None else self.default(default)
                )

    def file_call(self, node: ast.Call, name: str, method: str) -> Iterator[Fact]:
        if name in (
            "open",
            "io.open",
            "codecs.open",
            "gzip.open",
            "zipfile.ZipFile",
            "tarfile.open",
            "aiofiles.open",
        ):
            yield self.opened(node, _argument(node, 0, "file"), _argument(node, 1, "mode"))
        elif method == "open" and self._is_path(node.func):
            yield self.opened(node, _receiver(node), _argument(node, 0, "mode"))
        elif method in ("write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir") and isinstance(
            node.func, ast.Attribute
        ):
            if name.startswith("os.") or (
                method in ("unlink", "rmdir", "touch", "mkdir") and not self._is_path(node.func)
            ):
                index = _WRITE_CALLS.get(name)
                if index is not None:
                    yield self.written_to(node, _argument(node, index, "path"))
                return
            yield self.written_to(node, node.func.value)
        elif method in ("read_text", "read_bytes") and isinstance(node.func, ast.Attribute):
            yield self.fact(FactKind.FILE_READ, self.path(node.func.value), node)
        elif name in _WRITE_CALLS:
            yield self.written_to(node, _argument(node, _WRITE_CALLS[name], "filename"))
        elif name in _TEMPORARY:
            yield self.fact(FactKind.FILE_WRITE, f"{name}()", node, "tempfile")
        elif name == "logging.basicConfig" and (target := _argument(node, 99, "filename")) is not None:
            yield self.written_to(node, target)
        elif (
            method == "save"
            and len(node.args) == 1
            and not name.startswith("django")
            and self._is_upload(node)
        ):
            yield self.written_to(node, node.args[0])
        elif name in ("flask.send_file", "flask.send_from_directory") and node.args:
            if "BytesIO(" in written(node.args[0], 400):
                return
            yield self.fact(FactKind.FILE_READ, self.path(node.args[0]), node)

    def _is_path(self, function: ast.expr) -> bool:
        """Whether a method is called on something that looks like a pathlib path."""
        base = function.value if isinstance(function, ast.Attribute) else function
        text = written(base, 200)
        return bool(re.search(r"Path\(|__file__|\b\w*(?:path|dir|file|folder)\w*\b", text, re.IGNORECASE))

    def _is_upload(self, node: ast.Call) -> bool:
        """`request.files[...].save(path)`, or an argument that is a path: no model's or form's save()."""
        receiver = written(_receiver(node) or node, 200)
        argument = written(node.args[0], 200)
        return bool(
            re.search(r"files|upload|file|image|photo|picture|attachment", receiver, re.IGNORECASE)
            or re.search(r"path|join\(|dir|folder|/", argument, re.IGNORECASE)
        )

    def opened(self, node: ast.Call, target: ast.expr | None, mode: ast.expr | None) -> Fact:
        text = "r"
        sure = Confidence.HIGH
        if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
            text = mode.value
        elif mode is not None:
            text, sure = "w", Confidence.LOW  # a computed mode: the careful reading
        if any(letter in text for letter in "wax+"):
            return self.written_to(node, target, sure)
        return self.fact(FactKind.FILE_READ, self.path(target), node)

    def path(self, node: ast.expr | None) -> str:
        if node is None:
            return "?"
        known, complete = text_of(self.program, self.module, node)
        return known if complete else written(node)

    def written_to(self, node: ast.AST, target: ast.expr | None, sure: Confidence = Confidence.HIGH) -> Fact:
        path = self.path(target)
        temporary = path.startswith(("/tmp", "/var/tmp", "/dev/shm")) or "gettempdir" in path  # noqa: S108 - seen in code
        return self.fact(FactKind.FILE_WRITE, path, node, "tmp" if temporary else "", sure)

    def process_call(self, node: ast.Call, name: str) -> Iterator[Fact]:
        tables = _tables()
        if name.startswith(tuple(tables["subprocess"]["prefixes"])) or name in tables["subprocess"]["calls"]:
            if name.rpartition(".")[2][:1].isupper() and not name.endswith(
                ("Popen", "Process", "Pool", "Executor")
            ):
                return  # exceptions and constants
            yield self.fact(FactKind.SUBPROCESS, name, node, self._program_name(node))
        if name in tables["thread"]["calls"]:
            yield self.fact(FactKind.THREAD, name, node)
            target = _argument(node, 1, "target") if name == "threading.Thread" else None
            inner = self.calls.scope_of(self.scope, target) if target is not None else None
            if inner is not None and _loops_for_ever(inner):
                yield self.fact(FactKind.BACKGROUND, f"{inner.module.name}.{inner.name}", inner.node)
        if name in tables["background"]["calls"]:
            task = name in ("asyncio.create_task", "asyncio.ensure_future")
            if not task or self.reach is Reach.IMPORT:
                yield self.fact(FactKind.BACKGROUND, name, node)
        if name == "signal.signal" and node.args:
            yield self.fact(FactKind.SIGNAL, self.origin(node.args[0]).removeprefix("signal.") or "?", node)
        computes = name in ("importlib.import_module", "__import__", "runpy.run_module", "runpy.run_path")
        if computes and node.args:
            try:
                evaluate(self.program, self.module, node.args[0])
            except UnknownValueError:
                yield self.fact(FactKind.DYNAMIC_IMPORT, written(node), node)

    def _program_name(self, node: ast.Call) -> str:
        first = _argument(node, 0, "args")
        if isinstance(first, ast.List | ast.Tuple) and first.elts:
            first = first.elts[0]
        text = text_of(self.program, self.module, first)[0] if first is not None else ""
        return text.split()[0] if text.split() else ""

    def network_call(self, node: ast.Call, name: str, method: str) -> Iterator[Fact]:
        if name in _HTTP_CALLS and node.args:
            index = 1 if name.endswith((".request", ".stream")) and len(node.args) > 1 else 0
            if name.startswith("http.client"):
                host = text_of(self.program, self.module, node.args[0])[0]
            else:
                host = self.host(node.args[index])
            yield self.fact(FactKind.OUTBOUND, "http", node, host)
        elif name in ("httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"):
            base = _argument(node, 99 if name.startswith("httpx") else 0, "base_url")
            yield self.fact(FactKind.OUTBOUND, "http", node, self.host(base) if base is not None else "")
        elif method in ("get", "post", "put", "patch", "delete", "head", "request") and node.args:
            host = self._literal_host(node)
            if host:
                yield self.fact(FactKind.OUTBOUND, "http", node, host)
        self.settle(name, method)
        if name in _CONNECTS:
            yield from self.connected(node, _CONNECTS[name])
        elif (
            name.endswith((".create_engine", ".create_async_engine", "engine_from_config"))
            or name == "databases.Database"
        ):
            yield from self.database_url(node, _argument(node, 0, "url"))
        elif name in ("sqlite3.connect", "aiosqlite.connect"):
            yield from self.sqlite(node, self.path(_argument(node, 0, "database")))
        if name in (
            "socket.socket",
            "socketserver.TCPServer",
            "socketserver.UDPServer",
            "asyncio.start_server",
        ):
            if name != "socket.socket":
                protocol = "udp" if "UDP" in name else "tcp"
                if self.entry.interface != "http.server":
                    yield self.fact(FactKind.LISTEN, protocol, node)
            elif any("SOCK_DGRAM" in written(argument) for argument in node.args):
                yield self.fact(FactKind.OUTBOUND, "udp", node)
            else:
                yield self.fact(FactKind.OUTBOUND, "tcp", node)
        if name == "socket.create_connection":
            yield self.fact(FactKind.OUTBOUND, "tcp", node, _address(self, node))
        if name in ("grpc.server", "grpc.aio.server"):
            yield self.fact(FactKind.LISTEN, "grpc", node, self._grpc_port())
        if name == "websockets.serve" or name == "websockets.server.serve":
            number = _argument(node, 2, "port")
            port = text_of(self.program, self.module, number)[0] if number is not None else ""
            yield self.fact(FactKind.LISTEN, "websocket", node, port or (written(number) if number else ""))

    def settle(self, name: str, method: str) -> None:
        """Note libraries whose calls are reported themselves, so that their import need not be."""
        if name in _HTTP_CALLS or name in _CONNECTS:
            first = name.partition(".")[0]
            self.state.settled |= {first, f"{first}.client", f"{first}.request", f"{first}.connector"}
            if name.startswith("motor"):
                self.state.settled.add("pymongo")
        elif name in ("httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"):
            self.state.settled.add(name.partition(".")[0])
        elif method in ("create_engine", "create_async_engine"):
            self.state.settled |= {"psycopg", "psycopg2", "pg8000", "asyncpg", "pymysql", "MySQLdb"}

    def _grpc_port(self) -> str:
        for node in self.scope.nodes:
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") == "add_insecure_port"
                and node.args
            ):
                found = re.search(r":(\d{1,5})$", text_of(self.program, self.module, node.args[0])[0])
                return found[1] if found else ""
        return ""

    def _literal_host(self, node: ast.Call) -> str:
        """The host of a URL that some session or client is given."""
        index = 1 if getattr(node.func, "attr", "") == "request" and len(node.args) > 1 else 0
        text = text_of(self.program, self.module, node.args[index])[0]
        return self.host(node.args[index]) if text.startswith(("http://", "https://")) else ""

    def host(self, node: ast.expr) -> str:
        """`host[:port]` of a URL as far as it is known: literals, constants, the environment, defaults."""
        text, complete = text_of(self.program, self.module, node)
        if not text:
            text, complete = self._setting(node), True
        return _host_of(text, complete)

    def _setting(self, node: ast.expr) -> str:
        """`settings.API_URL`, `app.config["API_URL"]`: the one place where that name is given a value."""
        if isinstance(node, ast.JoinedStr):
            inner = next((p.value for p in node.values if isinstance(p, ast.FormattedValue)), None)
            if inner is None or not isinstance(node.values[0], ast.FormattedValue):
                return ""
            node = inner
        elif isinstance(node, ast.BinOp):
            while isinstance(node, ast.BinOp):
                node = node.left
        key = ""
        if isinstance(node, ast.Attribute):
            key = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = str(node.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr in ("rstrip", "strip", "removesuffix"):
                return self._setting(node.func.value)
            if node.func.attr == "get" and isinstance(node.args[0], ast.Constant):
                key = str(node.args[0].value)
        values = self.state.constants.get(key, [])
        if len(values) != 1:
            return ""
        return text_of(self.program, *values[0])[0]

    def connected(self, node: ast.Call, protocol: str) -> Iterator[Fact]:
        first = _argument(node, 0, "url") or _argument(node, 0, "dsn")
        if protocol == "amqp":
            first = _argument(node, 99, "broker") or first
        host_node = _argument(node, 99, "host") or _argument(node, 99, "bootstrap_servers")
        host = ""
        if host_node is not None:
            host = text_of(self.program, self.module, host_node)[0] or self._setting(host_node)
            port_node = _argument(node, 99, "port")
            if host and port_node is not None:
                with suppress(UnknownValueError):
                    host += f":{evaluate(self.program, self.module, port_node)}"
        elif first is not None:
            text, complete = text_of(self.program, self.module, first)
            text = text or self._setting(first)
            if protocol == "amqp" and "://" not in text:
                text, complete = self._broker(), True
            if "://" in text:
                host = _host_of(text, complete)
                scheme = text.partition("://")[0].partition("+")[0]
                protocol = "redis" if scheme in ("redis", "rediss") and protocol == "amqp" else protocol
            elif match := re.search(r"\bhost=(\S+)", text):
                host = match[1]
            elif protocol in ("redis", "smtp", "grpc", "memcached", "mongodb"):
                host = text
        yield self.fact(FactKind.OUTBOUND, protocol, node, host)
        if protocol in _tables()["database"]["protocols"]:
            yield self.fact(FactKind.DATABASE, protocol, node, host)

    def _broker(self) -> str:
        """The broker that a Celery configuration names, where there is only one."""
        for key in ("broker_url", "CELERY_BROKER_URL", "BROKER_URL"):
            values = self.state.constants.get(key, [])
            if len(values) == 1:
                return text_of(self.program, *values[0])[0]
        return ""

    def database_url(self, node: ast.AST, url: ast.expr | None) -> Iterator[Fact]:
        if url is None:
            return
        text, complete = text_of(self.program, self.module, url)
        text = text or self._setting(url)
        scheme = text.partition(":")[0].partition("+")[0]
        kind = _DATABASE_SCHEMES.get(scheme)
        if kind == "sqlite":
            path = text.partition("://")[2].removeprefix("/")
            yield from self.sqlite(node, path or (":memory:" if complete else written(url)))
        elif kind is not None:
            host = _host_of(text, complete)
            yield self.fact(FactKind.DATABASE, kind, node, host)
            yield self.fact(FactKind.OUTBOUND, kind, node, host)
        else:
            yield self.fact(FactKind.DATABASE, "sql", node, written(url), Confidence.LOW)

    def sqlite(self, node: ast.AST, path: str) -> Iterator[Fact]:
        if path == ":memory:" or "mode=memory" in path:
            if self.scope.function is None or self.reach is Reach.IMPORT:
                subject = f"{self.module.name} (SQLite in memory)"
                evidence = (self.program.evidence(self.module, getattr(node, "lineno", 1)),)
                yield Fact(FactKind.MEMORY_STATE, subject, evidence, "sqlite :memory:", Reach.REQUEST)
            return
        yield self.fact(FactKind.DATABASE, "sqlite", node, path)

    def other_call(self, node: ast.Call, name: str) -> Iterator[Fact]:
        tables = _tables()
        if name in tables["host"]["calls"]:
            yield self.fact(FactKind.HOST, name, node)
        if (
            node.args
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and _is_remote_address(node.func.value, node.args[0])
        ):
            yield self.fact(FactKind.CLIENT_ADDRESS, written(node), node)
        if name in tables["unsupported-call"]:
            yield self.fact(FactKind.UNSUPPORTED_STDLIB, name, node, tables["unsupported-call"][name])
        if name in tables["compute"]["calls"]:
            yield self.fact(FactKind.COMPUTE, name, node)
        if name in tables["cache"]["calls"] and self.scope.function is None:
            yield self.fact(FactKind.CACHE, name, node)
        if name == "flask_caching.Cache":
            kind = self._cache_type(node)
            if kind in ("SimpleCache", "simple"):
                subject = f"{self.module.name} (flask_caching SimpleCache)"
                yield replace(
                    self.fact(FactKind.MEMORY_STATE, subject, node, "SimpleCache"), reach=Reach.REQUEST
                )
            elif "FileSystem" in kind:
                yield replace(
                    self.fact(FactKind.FILE_WRITE, "flask_caching FileSystemCache", node), reach=Reach.REQUEST
                )
        if name == "flask_limiter.Limiter":
            storage = _argument(node, 99, "storage_uri")
            text = self.path(storage) if storage is not None else "memory://"
            if text.startswith("memory"):
                subject = f"{self.module.name} (Flask-Limiter counters)"
                yield replace(
                    self.fact(FactKind.MEMORY_STATE, subject, node, "memory://"), reach=Reach.REQUEST
                )

    def _cache_type(self, node: ast.Call) -> str:
        config = _argument(node, 1, "config")
        if isinstance(config, ast.Dict):
            for key, value in zip(config.keys, config.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "CACHE_TYPE":
                    return text_of(self.program, self.module, value)[0].rpartition(".")[2]
        values = self.state.constants.get("CACHE_TYPE", [])
        return text_of(self.program, *values[0])[0].rpartition(".")[2] if len(values) == 1 else ""

    # --- statements ---

    def subscript(self, node: ast.Subscript) -> Iterator[Fact]:
        if isinstance(node.ctx, ast.Load) and _is_remote_address(node.value, node.slice):
            yield self.fact(FactKind.CLIENT_ADDRESS, written(node), node)
        if isinstance(node.ctx, ast.Load) and self.origin(node.value) == "os.environ":
            yield from self.env(node, node.slice, "")

    def compared(self, node: ast.Compare) -> Iterator[Fact]:
        if isinstance(node.ops[0], ast.In | ast.NotIn) and self.origin(node.comparators[0]) == "os.environ":
            yield from self.env(node, node.left, "None")

    def decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Fact]:
        for decorator in node.decorator_list:
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = self.origin(function)
            if name in _tables()["cache"]["calls"] and not isinstance(decorator, ast.Call):
                yield self.fact(FactKind.CACHE, f"{self.module.name}.{node.name}", decorator, name)
            if isinstance(function, ast.Attribute) and function.attr in ("websocket", "websocket_route"):
                yield self.fact(FactKind.WEBSOCKET, f"{self.module.name}.{node.name}", decorator)

    def settings_class(self, node: ast.ClassDef) -> Iterator[Fact]:
        """pydantic's BaseSettings: every field is a variable."""
        bases = {self.origin(base) for base in node.bases}
        if not bases & {"pydantic_settings.BaseSettings", "pydantic.BaseSettings"}:
            return
        prefix = ""
        for item in node.body:
            value = getattr(item, "value", None)
            if isinstance(item, ast.Assign) and isinstance(value, ast.Call):
                found = next((k.value for k in value.keywords if k.arg == "env_prefix"), None)
                prefix = text_of(self.program, self.module, found)[0] if found is not None else prefix
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                default = "" if item.value is None else self.default(item.value)
                yield self.fact(FactKind.ENV_READ, (prefix + item.target.id).upper(), item, default)

    def assigned(self, node: ast.Assign | ast.AnnAssign) -> Iterator[Fact]:
        """Settings that frameworks read: SQLALCHEMY_DATABASE_URI, Django's DATABASES and CACHES."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return
        yield from self.host_kept(targets, node.value)
        for target in targets:
            key = getattr(target, "id", "")
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                key = str(target.slice.value)
            if key in ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL"):
                yield from self.database_url(node, node.value)
            elif key == "DATABASES" and isinstance(node.value, ast.Dict):
                yield from self.django_databases(node.value)
            elif (
                key == "CACHES"
                and isinstance(node.value, ast.Dict)
                and "LocMemCache" in written(node.value, 2000)
            ):
                evidence = (Evidence(self.module.path, node.lineno),)
                subject = f"{self.module.name}.CACHES"
                yield Fact(
                    FactKind.MEMORY_STATE, subject, evidence, "LocMemCache", Reach.REQUEST, Confidence.MEDIUM
                )

    def host_kept(self, targets: Sequence[ast.expr], value: ast.expr) -> Iterator[Fact]:
        """`HOSTNAME = socket.gethostname()` in a module whose requests read it."""
        if self.scope.kind != "module":
            return
        for call in (n for n in ast.walk(value) if isinstance(n, ast.Call)):
            if (name := self.origin(call.func)) in _tables()["host"]["calls"]:
                read = main_block.read_by_requests(self.calls.scopes, self.module)
                if any(isinstance(t, ast.Name) and t.id in read for t in targets):
                    yield replace(self.fact(FactKind.HOST, name, call), reach=Reach.REQUEST)

    def django_databases(self, databases: ast.Dict) -> Iterator[Fact]:
        for value in databases.values:
            if isinstance(value, ast.Call):  # dj_database_url.config(default=…), env.db()
                default = _argument(value, 0, "default")
                yield from self.database_url(value, default)
                continue
            if not isinstance(value, ast.Dict):
                continue
            settings = {
                key.value: inner
                for key, inner in zip(value.keys, value.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
            engine = settings.get("ENGINE")
            text = text_of(self.program, self.module, engine)[0] if engine is not None else ""
            kind = _DJANGO_ENGINES.get(text.rpartition(".")[2])
            if kind == "sqlite":
                yield from self.sqlite(value, self.path(settings.get("NAME")))
            elif kind is not None:
                host = settings.get("HOST")
                where = text_of(self.program, self.module, host)[0] if host is not None else ""
                yield self.fact(FactKind.DATABASE, kind, value, where)
                yield self.fact(FactKind.OUTBOUND, kind, value, where)

    # --- memory that outlives the request ---

    def memory(self, node: ast.AST) -> Iterator[Fact]:
        """Changes of module-level objects inside functions that requests reach."""
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
                yield from self.changed(node.func.value, node)
                yield from self.own_method(node, node.func.value)
            elif isinstance(node.func, ast.Attribute) and node.func.attr in (
                "inc",
                "observe",
                "dec",
                "labels",
                "set",
            ):
                yield from self.metric(node.func.value, node)
            elif isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
                yield from self.changed(node.args[0], node)
            elif isinstance(node.func, ast.Attribute):
                yield from self.own_method(node, node.func.value)
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            for target in targets:
                yield from self.stored(target, node)

    def stored(self, target: ast.expr, node: ast.AST) -> Iterator[Fact]:
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                yield from self.stored(element, node)
        elif isinstance(target, ast.Subscript):
            yield from self.changed(target.value, node)
        elif isinstance(target, ast.Attribute):
            yield from self.attribute_stored(target, node)
        elif isinstance(target, ast.Name):
            function = self.scope.function
            if function is not None and target.id in function.globals:
                subject = f"{self.module.name}.{target.id}"
                kind = FactKind.CACHE if self._fills_once(target.id) else FactKind.MEMORY_STATE
                yield self.fact(kind, subject, node)

    def _fills_once(self, name: str) -> bool:
        """Whether a global is only ever given a value where it has none: a connection made on first use."""
        if any(
            isinstance(n, ast.AugAssign) and getattr(n.target, "id", "") == name for n in self.scope.nodes
        ):
            return False
        for node in self.scope.nodes:
            if not isinstance(node, ast.If):
                continue
            test = node.test
            empty = (
                isinstance(test, ast.Compare)
                and getattr(test.left, "id", "") == name
                and isinstance(test.ops[0], ast.Is)
                and isinstance(test.comparators[0], ast.Constant)
                and test.comparators[0].value is None
            ) or (
                isinstance(test, ast.UnaryOp)
                and isinstance(test.op, ast.Not)
                and getattr(test.operand, "id", "") == name
            )
            if empty:
                inside = {id(inner) for statement in node.body for inner in ast.walk(statement)}
                stores = [
                    n
                    for n in ast.walk(self.scope.node)
                    if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
                ]
                return all(id(store) in inside for store in stores)
        return False

    def changed(self, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
        """A container is changed through `base`, which may be an element of it (`d[k].append`)."""
        whole, base = base, _container_of(base)
        if (
            isinstance(base, ast.Attribute)
            and base.attr in _APP_STORES
            and (name := self._application(base.value))
        ):
            yield self.fact(FactKind.MEMORY_STATE, f"{name}.{base.attr}", node)
            return
        holder, sure = self.state.holder(self.scope, base), Confidence.HIGH
        if holder is None:
            holder, sure = self._shared(self.scope, base), Confidence.MEDIUM
        if holder is None:
            yield from self.self_attribute(base, node)
        elif (whole is not base or sure is Confidence.MEDIUM) and _holds_definitions(holder):
            return  # a method of a class or function that a table names, not of the table
        elif holder.kind == "container":
            yield self.fact(FactKind.MEMORY_STATE, holder.name, node, "", sure)
        elif holder.kind == "cache":
            yield self.fact(FactKind.CACHE, holder.name, node, "", sure)

    def _shared(self, scope: Scope, node: ast.expr, depth: int = 0) -> _Holder | None:
        """The object outside all requests that an expression means: local names followed to what they are
        given, calls of own functions to what they return, elements to their container."""
        if depth > _ALIASES:
            return None
        node = _container_of(node)
        if isinstance(node, ast.Attribute) and node.attr in _APP_STORES:
            name = self._application(node.value, scope)
            if name:
                return _Holder(f"{name}.{node.attr}", "container", node, scope.module)
        holder = self.state.holder(scope, node)
        if holder is not None:
            return holder
        if isinstance(node, ast.Attribute) and _is_application(node.value):
            return self.state.on_app.get(node.attr)
        if isinstance(node, ast.Call):
            function = self.calls.scope_of(scope, node.func)
            if function is None or function.kind != "function":
                return None
            for returned in function.nodes:
                if isinstance(returned, ast.Return) and returned.value is not None:
                    found = self._shared(function, returned.value, depth + 1)
                    if found is not None:
                        return found
        elif isinstance(node, ast.Name):
            owner: Scope | None = scope
            while owner is not None and owner.kind != "module":
                if owner.kind == "function" and node.id in owner.locals:
                    values = self.state.given(owner, node.id)
                    return next((f for v in values if (f := self._shared(owner, v, depth + 1))), None)
                owner = owner.parent
        return None

    def _application(self, node: ast.expr, scope: Scope | None = None) -> str | None:
        """`app`, `current_app`, `request.app`: the application object."""
        scope = scope or self.scope
        name = scope.origin(node) or ""
        if name == "flask.current_app":
            return "app"
        if isinstance(node, ast.Attribute) and node.attr == "app":
            return "app"
        if name and of_expression(self.program, scope.module, node, None)[0]:
            return written(node)
        return None

    def attribute_stored(self, target: ast.Attribute, node: ast.AST) -> Iterator[Fact]:
        base = target.value
        if (
            isinstance(base, ast.Attribute)
            and base.attr in _APP_STORES
            and (name := self._application(base.value))
        ):
            yield self.fact(FactKind.MEMORY_STATE, f"{name}.{base.attr}.{target.attr}", node)
            return
        if isinstance(base, ast.Name) and base.id == "cls" and self.scope.owner is not None:
            yield self.fact(
                FactKind.MEMORY_STATE, f"{self.module.name}.{self.scope.owner.name}.{target.attr}", node
            )
            return
        name_ = self.scope.origin(base)
        if name_ is None:
            shared = self._shared(self.scope, base)
            if shared is not None and shared.kind == "own":
                yield self.fact(
                    FactKind.MEMORY_STATE, f"{shared.name}.{target.attr}", node, "", Confidence.MEDIUM
                )
            return
        if name_.startswith(_PER_REQUEST):
            return
        holder = self.state.holder(self.scope, base)
        if holder is not None and holder.kind in ("own", "object"):
            yield self.fact(
                FactKind.MEMORY_STATE, f"{holder.name}.{target.attr}", node, "", Confidence.MEDIUM
            )
            return
        found = self.program.definition(name_) if "." in name_ else self.program.lookup(self.module, name_)
        if found is not None and isinstance(found.node, ast.ClassDef):
            yield self.fact(FactKind.MEMORY_STATE, f"{found.module.name}.{found.name}.{target.attr}", node)
        elif found is None and (module := self.program.load(name_)) is not None:
            yield self.fact(FactKind.MEMORY_STATE, f"{module.name}.{target.attr}", node)

    def self_attribute(self, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
        """`self.items.append(…)` where `items` is a class attribute, shared by all instances."""
        if (
            isinstance(base, ast.Attribute)
            and isinstance(base.value, ast.Name)
            and base.value.id in ("self", "cls")
        ):
            owner = self.scope.owner
            if owner is not None:
                holder = self.state.holders.get(f"{self.module.name}.{owner.name}.{base.attr}")
                if holder is not None and holder.kind == "container" and not _sets_itself(owner, base.attr):
                    yield self.fact(FactKind.MEMORY_STATE, holder.name, node)

    def metric(self, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
        while isinstance(base, ast.Call) and isinstance(base.func, ast.Attribute):
            base = base.func.value
        holder = self.state.holder(self.scope, base)
        if holder is not None and holder.kind == "metric":
            yield self.fact(FactKind.MEMORY_STATE, holder.name, node, "prometheus_client")

    def own_method(self, node: ast.Call, receiver: ast.expr) -> Iterator[Fact]:
        """`store.add(x)`, where `store` is a module-level instance of a class whose `add` changes itself."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in self.calls.methods:
            return
        holder = self.state.holder(self.scope, receiver) or self._shared(self.scope, receiver)
        if holder is None or holder.kind != "own":
            return
        made = getattr(holder.node, "value", None)
        changed = _changed_by(self, holder.module, made, node.func.attr) if made is not None else None
        if changed is not None:
            yield self.fact(FactKind.MEMORY_STATE, f"{holder.name}.{changed}", node, "", Confidence.MEDIUM)


_ALIASES = 5  # names, calls and elements that are followed, one behind the other


def _holds_definitions(holder: _Holder) -> bool:
    """Whether a container is a table of classes, functions or modules: `{"a": AHandler, "b": BHandler}`."""
    value = getattr(holder.node, "value", None)
    elements = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [])
    return bool(elements) and all(isinstance(e, ast.Name | ast.Attribute) for e in elements)


def _container_of(base: ast.expr) -> ast.expr:
    """`d` of `d[k]`, `d[k][l]`, `d.setdefault(k, [])`, `d.get(k)`."""
    while True:
        if isinstance(base, ast.Subscript):
            base = base.value
        elif (
            isinstance(base, ast.Call)
            and isinstance(base.func, ast.Attribute)
            and base.func.attr in ("setdefault", "get")
        ):
            base = base.func.value
        else:
            return base


def _argument(node: ast.Call, index: int, name: str) -> ast.expr | None:
    if index < len(node.args) and not any(isinstance(a, ast.Starred) for a in node.args[: index + 1]):
        return node.args[index]
    return next((k.value for k in node.keywords if k.arg == name), None)


def _is_remote_address(base: ast.expr, key: ast.expr) -> bool:
    """`request.environ` or `request.META` with the key REMOTE_ADDR."""
    named = isinstance(key, ast.Constant) and key.value == "REMOTE_ADDR"
    return named and _name_of(base) in ("environ", "META")


def _receiver(node: ast.Call) -> ast.expr | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def _host_of(text: str, complete: bool) -> str:
    """`host[:port]` of a URL; "" where the text ends before the host does."""
    if "://" not in text:
        return ""
    rest = text.partition("://")[2]
    if not complete and not re.search(r"[/?#]", rest):
        return ""
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        return ""
    if not host or not re.fullmatch(r"[A-Za-z0-9_.\-:]+", host):
        return ""
    return f"{host}:{port}" if port else host


def _address(reader: _Reader, node: ast.Call) -> str:
    first = _argument(node, 0, "address")
    if not isinstance(first, ast.Tuple):
        return ""
    try:
        value = evaluate(reader.program, reader.module, first)
    except UnknownValueError:
        return ""
    return ":".join(str(part) for part in value) if isinstance(value, tuple) else ""


def _loops_for_ever(scope: Scope) -> bool:
    return any(
        isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value
        for node in scope.nodes
    )


def _sets_itself(owner: Scope, attribute: str) -> bool:
    """Whether instances get an attribute of their own, so that the class's one is only a default."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", "") == "self"
        for node in ast.walk(owner.node)
    )


def _classes(reader: _Reader, module: Module, made: ast.expr, depth: int = 0) -> Iterator[Scope]:
    """The own class that a call makes an instance of, then the own classes that it is made from."""
    node: ast.expr = made.func if isinstance(made, ast.Call) else made
    name = dotted(node)
    if name is None or depth > _ALIASES:
        return
    full = origin(module, node) or name
    found = reader.program.definition(full) if "." in full else reader.program.lookup(module, full)
    scope = reader.calls.by_node.get(id(found.node)) if found is not None else None
    if scope is not None and isinstance(scope.node, ast.ClassDef):
        yield scope
        for base in scope.node.bases:
            yield from _classes(reader, scope.module, base, depth + 1)


def _changed_by(reader: _Reader, module: Module, made: ast.expr, name: str, depth: int = 0) -> str | None:
    """The attribute of an instance that its method of this name changes. `made` is the call that made it."""
    classes = list(_classes(reader, module, made))
    method = next((m for c in classes if (m := reader.calls.method(c, name))), None)
    return _changes_self(reader, classes, method, depth) if method is not None else None


def _changes_self(reader: _Reader, classes: Sequence[Scope], method: Scope, depth: int) -> str | None:
    """The attribute of `self` that a method changes: itself, through its own methods, or through those of
    an own object that `__init__` puts there."""
    if depth > _ALIASES:
        return None
    once = _filled_once(method)
    for node in method.nodes:
        if isinstance(node, ast.Attribute):  # set or deleted
            if getattr(node.value, "id", "") == "self" and node.attr not in once:
                return node.attr
            continue
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = _container_of(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if getattr(node.func.value, "id", "") == "self":
                other = next((m for c in classes if (m := reader.calls.method(c, node.func.attr))), None)
                if other is not None and (found := _changes_self(reader, classes, other, depth + 1)):
                    return found
                continue
            target = _container_of(node.func.value)
        if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") != "self":
            continue
        values = [(c, v) for c in classes for v in _values_of(c, target.attr)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            for owner, value in values:
                if isinstance(value, ast.Call) and _changed_by(
                    reader, owner.module, value, node.func.attr, depth + 1
                ):
                    return target.attr
            if node.func.attr not in _MUTATORS:
                continue
        # `self.session.add(x)` changes a database: only what is known to be a container counts.
        if any(reader.state.kind(owner, value) == "container" for owner, value in values):
            return target.attr
    return None


def _values_of(owner: Scope, attribute: str) -> Iterator[ast.expr]:
    """What a class or its methods give an attribute of their instances."""
    for statement in getattr(owner.node, "body", ()):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for name, value in bound_names(statement):
                if name == attribute and value is not None:
                    yield from _fields(value)
    for method in owner.inner.values():
        for node in method.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Attribute) and target.attr == attribute:
                        yield from _fields(node.value)


def _fields(value: ast.expr) -> Iterator[ast.expr]:
    """A value, and of `given or {}` each part."""
    if isinstance(value, ast.BoolOp):
        yield from value.values
    elif isinstance(value, ast.Call) and _name_of(value.func) == "field":  # a dataclass's default_factory
        for keyword in value.keywords:
            if keyword.arg == "default_factory":
                yield ast.Call(keyword.value, [], [])
    else:
        yield value


def _filled_once(method: Scope) -> set[str]:
    """Attributes that a method sets only where they are empty: a connection made on first use."""
    found: set[str] = set()
    for node in method.nodes:
        if isinstance(node, ast.If):
            test = node.test
            if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
                test = test.left
            elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test = test.operand
            else:
                continue
            if isinstance(test, ast.Attribute) and getattr(test.value, "id", "") == "self":
                found.add(test.attr)
    return found
