"""The application in the snapshot: what refuses it, what is compared, how an import is taken back."""

# ruff: noqa: E501 - guest code in strings, one thought a line

from __future__ import annotations

import http.client
import json
import os
import textwrap
from pathlib import Path

import pytest

from analyzers.model import Evidence, Grant, GrantKind
from migrate.component import inspect
from migrate.model import Instances, SnapshotApp
from migrate.runtimes import ServeRequest, runtime
from migrate.snapshots import sentences
from tests.templates.lanes.python.building import build, write_tree
from tests.templates.lanes.python.installed import run
from tests.templates.lanes.python.wasi import adapter

EVIDENCE = Evidence("Dockerfile", 3, "ENV")

# --- which variables an import reads ---------------------------------------------------------


def recorded(code: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """The recorder of a piece of code of the module `shop`."""
    environment = adapter("environment")
    monkeypatch.setenv("SET", "old")
    monkeypatch.setenv("UNSET", "so that it is taken away afterwards")
    monkeypatch.delenv("UNSET")
    recorder = environment.Recorder(lambda name: name == "shop")
    with environment.recorded(recorder):
        exec(compile(code, "/app/shop.py", "exec"), {"__name__": "shop", "os": os})  # noqa: S102 - ours
    assert type(os.environ).__name__ == "_Environ"
    return recorder


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['SET']",
        "os.environ.get('SET')",
        "os.getenv('SET')",
        "'SET' in os.environ",
        "os.environb[b'SET']",
        "os.getenvb(b'SET')",
        "os.environ.setdefault('SET', 'x')",
        "os.environ.pop('SET')",
        "[v for v in map(os.environ.get, ['SET'])]",
    ],
)
def test_every_way_to_read_a_variable_is_seen(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorded(code, monkeypatch)
    assert recorder.reads == {"SET": "old"}
    assert recorder.who["SET"] == "/app/shop.py:1"
    assert not recorder.everything


@pytest.mark.parametrize(
    "code", ["os.environ.get('UNSET')", "'UNSET' in os.environ", "os.getenv('UNSET', 'd')"]
)
def test_a_variable_that_is_not_set_is_read_too(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded(code, monkeypatch).reads == {"UNSET": None}


@pytest.mark.parametrize(
    "code",
    [
        "dict(os.environ)",
        "list(os.environ.items())",
        "os.environ.copy()",
        "{**os.environ}",
        "len(os.environ)",
        "repr(os.environ)",
        "[k for k in os.environ]",
        "list(os.environb)",
        "os.environ | {}",
    ],
)
def test_asking_for_all_variables_is_seen(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded(code, monkeypatch).everything == "/app/shop.py:1"


def test_what_is_set_is_no_reading_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "1")
    recorder = recorded(
        "os.environ['UNSET'] = 'new'; os.environ['UNSET']; del os.environ['GONE']", monkeypatch
    )
    assert recorder.writes == {"UNSET": "new", "GONE": None}
    assert recorder.reads == {}


def test_a_dependency_that_is_imported_reads_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorded(
        "exec(compile('import os; os.getenv(\"SET\")', 'lib.py', 'exec'), {'__name__': 'lib'})", monkeypatch
    )
    assert recorder.reads == {}
    assert recorder.fixed == {"SET": "old"}
    assert recorder.who["SET"] == "lib"


# --- whether an import still holds ----------------------------------------------------------------


class Mounted:
    """A tree below which a directory is mounted."""

    mounts = ("/data",)

    @staticmethod
    def is_real(path: str) -> bool:
        return path.startswith("/data")


def frozen(reads=(), everything=None, writes=(), folders=()):
    return adapter("application").Frozen(dict(reads), everything, dict(writes), frozenset(folders), ())


def test_an_import_holds_as_long_as_what_it_read_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "1")
    monkeypatch.delenv("B", raising=False)
    assert frozen({b"A": b"1", b"B": None}).holds(None)
    assert not frozen({b"A": b"2"}).holds(None)
    assert not frozen({b"A": None}).holds(None)
    assert not frozen({b"B": b""}).holds(None)
    everything = dict(os.environ)
    assert frozen(everything=everything).holds(None)
    monkeypatch.setenv("B", "new")
    assert not frozen(everything=everything).holds(None)


def test_a_mounted_directory_that_the_import_looked_into_makes_it_anew() -> None:
    assert frozen(folders=["/app/settings.toml"]).holds(Mounted())
    assert not frozen(folders=["/data/settings.toml"]).holds(Mounted())


def test_what_the_import_set_is_set_in_each_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "1")
    monkeypatch.setenv("B", "1")
    frozen(writes={"A": "2", "B": None, "C": None}).set_variables()
    assert os.environ["A"] == "2"
    assert "B" not in os.environ


# --- taking an import back ---------------------------------------------------------------------------

LIBRARY = """
import collections, functools, sys, types
from dock2wasm_adapter import changes, rollback
lib = types.ModuleType("lib"); sys.modules["lib"] = lib
exec('''
import collections, functools, logging, weakref
names = {"old": []}
handlers = ["first"]
tags = {"a"}
last = collections.deque([1], maxlen=3)
ordered = collections.OrderedDict(a=[])
counts = collections.defaultdict(list)
class Settings:
    version = 1
    def __init__(self): self.value = None; self.parts = {"a": []}
class Slotted:
    __slots__ = ("ready",)
    def __init__(self): self.ready = False
settings = Settings()
slotted = Slotted()
@functools.cache
def looked_up(name): return object()
level = 1
def inside():
    seen = []
    def note(x): seen.append(x); return seen
    return note
note = inside()
''', vars(lib))
def state():
    return [lib.names, lib.handlers, sorted(lib.tags), list(lib.last), lib.last.maxlen, dict(lib.ordered), dict(lib.counts),
            vars(lib.settings) , lib.Settings.version, lib.slotted.ready, lib.looked_up.cache_info().currsize, lib.level,
            getattr(lib, "added", None), lib.note.__closure__[0].cell_contents]
def application():
    lib.names["new"] = 2; del lib.names["old"]; lib.handlers.append("second"); lib.tags.add("b"); lib.last.append(2)
    lib.ordered["b"] = 2; lib.counts["x"].append(1); lib.settings.value = 5; lib.settings.parts["p"] = 1
    lib.settings.extra = 1; lib.Settings.version = 2; lib.slotted.ready = True; lib.looked_up("x"); lib.level = 2
    lib.added = 1; lib.note(3)
import copy
"""


def test_what_an_import_changed_elsewhere_is_found_and_put_back() -> None:
    before, changed, after, lost, ordered = run(
        LIBRARY
        + textwrap.dedent("""
        before = copy.deepcopy(state())
        trial = changes.Objects(); application(); paths, lost = trial.changed()
        # What the trial found is kept before the import that counts: here, undone by hand first.
        paths = [p for p in paths if p[0] == ("module", "lib")]
        for thing in map(rollback._follow, paths):
            rollback.restore([(thing, *trial._before[id(thing)][1])])
        kept = rollback.keep(paths)
        application(); changed = copy.deepcopy(state())
        rollback.restore(kept)
        lib.ordered.move_to_end("a")
        result([before, changed, state(), lost, list(lib.ordered)])
        """)
    )
    assert after == before
    assert all(a != b for n, (a, b) in enumerate(zip(before, changed, strict=True)) if n != 4)
    assert lost == []
    assert ordered == ["a"]


def test_the_environment_is_never_put_back() -> None:
    assert (
        run("""
        import os
        from dock2wasm_adapter import changes
        trial = changes.Objects()
        os.environ["MADE"] = "by the import"
        paths, lost = trial.changed()
        result([p for p in paths if p[0] == ("module", "os")])
    """)
        == []
    )


def test_a_path_that_leads_nowhere_is_said() -> None:
    assert run("""
        from dock2wasm_adapter import rollback
        said = []
        rollback.note = said.append
        kept = rollback.keep([(("module", "json"), ("key", "no_such"))])
        result([kept, said[0].partition(":")[0]])
    """) == [[], "a change by the import that could not be found again"]


# --- in the component ---------------------------------------------------------------------------------

REFUSED = {
    "time.time()": "reads the clock",
    "time.localtime()": "reads the clock",
    "datetime.datetime.now()": "reads the clock",
    "datetime.date.today()": "reads the clock",
    "random.random()": "takes a random number",
    "random.Random(7)": "seeds a random generator",
    "random.Random().randint(1, 2)": "takes a random number",
    "secrets.token_hex(4)": "takes a random number",
    "uuid.uuid4()": "takes a random number",
    "os.urandom(2)": "takes a random number",
    "open('/dev/urandom', 'rb').read(1)": "takes a random number",
    "open('/app/written.txt', 'w')": "writes the file /app/written.txt",
    "os.mkdir('/app/made')": "writes the file /app/made",
    "open('/tmp/scratch', 'w')": "writes the file /tmp/scratch",
    "socket.socket()": "opens a socket",
    "socket.getaddrinfo('localhost', 80)": "uses the network",
    "threading.Thread(target=int).start()": "starts a thread",
    "concurrent.futures.ThreadPoolExecutor().submit(int)": "starts a thread",
    "subprocess.run(['true'])": "starts a process",
    "os.system('true')": "asks for what WebAssembly does not have",
    "asyncio.new_event_loop()": "makes an event loop",
    "os.putenv('A', 'b')": "changes the environment below os.environ",
}
ALLOWED = (
    "random.Random()",
    "logging.getLogger('x').warning('started')",
    "time.localtime(0)",
    "datetime.datetime(2026, 1, 1)",
    "open('/app/data.txt').read()",
    "threading.Lock()",
    "uuid.UUID(int=1)",
    "os.environ.get('A')",
)
IMPORTS = "import asyncio, concurrent.futures, datetime, logging, os, random, secrets, socket, subprocess, threading, time, uuid\n"
CAUGHT = """def attempt(do):
    try: do()
    except Exception: pass
"""


def lines(expressions) -> str:
    return "".join(f"attempt(lambda: {expression})\n" for expression in expressions)


WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]
"""


@pytest.mark.build
@pytest.mark.runtime
def test_what_differs_between_instances_refuses_the_snapshot_by_name_and_line(tmp_path: Path) -> None:
    head = IMPORTS + CAUGHT
    files = {"main.py": head + lines(REFUSED) + lines(ALLOWED) + WSGI, "data.txt": "x"}
    tree = write_tree(tmp_path, files, entry="main:app", snapshot_app=SnapshotApp.ALWAYS)
    done = build(tree)
    assert done.returncode == 1
    assert "--snapshot-app always" in done.stderr
    first = head.count("\n") + 1
    for number, (expression, what) in enumerate(REFUSED.items(), first):
        assert f"/app/main.py:{number}: {what}" in done.stdout, expression
    for number, expression in enumerate(ALLOWED, first + len(REFUSED)):
        assert f"/app/main.py:{number}:" not in done.stdout, expression

    # auto: the build goes on without, and says so where people look
    settings = json.loads((tree / "lane.json").read_text())
    (tree / "lane.json").write_text(json.dumps({**settings, "snapshot_app": "auto"}))
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: the application is not part of the snapshot" in done.stdout
    (said,) = sentences(tree / "build" / "shop.wasm")
    assert f"/app/main.py:{first}: reads the clock (time.time)" in said


SETTINGS = """
import logging, os
GREETING = os.environ.get("GREETING", "none")
KEY = os.getenv("API_KEY", "no key")
logging.basicConfig(level=os.environ.get("LEVEL", "INFO"))
os.environ.setdefault("MADE", "at import")
"""
LIVE = """
import json, logging, os
from settings import GREETING, KEY
import lib
lib.registry.append("app")
def create(name):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        found = [GREETING, KEY, logging.getLogger().level, len(logging.getLogger().handlers), os.environ["MADE"], lib.registry, name]
        return [json.dumps(found).encode()]
    return app
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Path:
    repository = tmp_path_factory.mktemp("live")
    files = {"main.py": LIVE, "settings.py": SETTINGS, "lib.py": "registry = []\n"}
    grants = (
        Grant(GrantKind.ENV, "GREETING", EVIDENCE, value="built"),
        Grant(GrantKind.SECRET, "API_KEY", EVIDENCE),
    )
    tree = write_tree(
        repository, files, entry="main:create('shop')", grants=grants, snapshot_app=SnapshotApp.ALWAYS
    )
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the application is part of the snapshot" in done.stdout
    assert "WARNING: /app/settings.py:4 reads API_KEY" in done.stdout
    return tree


@pytest.mark.build
@pytest.mark.runtime
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"GREETING": "built"}, ["built", "no key", 20, 1, "at import", ["app"], "shop"]),
        ({}, ["none", "no key", 20, 1, "at import", ["app"], "shop"]),
        ({"GREETING": "live"}, ["live", "no key", 20, 1, "at import", ["app"], "shop"]),
        ({"GREETING": "built", "API_KEY": "k"}, ["built", "k", 20, 1, "at import", ["app"], "shop"]),
        ({"GREETING": "built", "LEVEL": "ERROR"}, ["built", "no key", 40, 1, "at import", ["app"], "shop"]),
        ({"GREETING": "built", "MADE": "live"}, ["built", "no key", 20, 1, "live", ["app"], "shop"]),
    ],
)
def test_live_values_count(
    live: Path, tmp_path: Path, environment: dict[str, str], expected: list[object]
) -> None:
    wasmtime = runtime("wasmtime")
    component = wasmtime.precompile(inspect(live / "build" / "shop.wasm"), live / "build" / "cwasm")
    asked = ServeRequest(
        component, live, tmp_path / "log", environment=environment, instances=Instances.REUSED
    )
    with wasmtime.start(asked) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, expected)
        connection.close()


ASGI = """
import asyncio, os
from contextlib import contextmanager
import dataclasses, collections
@dataclasses.dataclass
class Item:
    name: str
Point = collections.namedtuple("Point", "x y")
events = ["imported"]
lock = asyncio.Lock()
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        events.append("started")
        scope["state"]["value"] = os.environ.get("VALUE", "none")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return
    async with lock:
        text = " ".join([*events, scope["state"]["value"], Item("a").name, str(Point(1, 2).y)])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
"""


@pytest.mark.build
@pytest.mark.runtime
def test_a_lifespan_starts_in_each_instance(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path, {"main.py": ASGI}, entry="main:app", interface="asgi", snapshot_app=SnapshotApp.ALWAYS
    )
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    wasmtime = runtime("wasmtime")
    component = inspect(tree / "build" / "shop.wasm")
    asked = ServeRequest(
        component, tree, tmp_path / "log", environment={"VALUE": "live"}, instances=Instances.FRESH
    )
    with wasmtime.start(asked) as server:
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"imported started live a 2"
            connection.close()


@pytest.mark.build
@pytest.mark.runtime
def test_the_component_says_what_it_holds(live: Path) -> None:
    first, second = sentences(live / "build" / "shop.wasm")
    assert "imported when the component was built" in first
    assert "/app/settings.py:4 reads API_KEY" in second
    assert b"API_KEY" in (live / "build" / "shop.wasm").read_bytes()  # its name; there is no value


SCRIPT = """
import os, time
from http.server import BaseHTTPRequestHandler, HTTPServer
GREETING = os.environ.get("GREETING", "none")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(GREETING.encode())
if __name__ == "__main__":
    if os.environ.get("CLOCK"):
        STARTED = time.time()
    HTTPServer(("", 8000), Handler).serve_forever()
"""


@pytest.mark.build
def test_a_scripts_own_code_is_the_applications(tmp_path: Path) -> None:
    grants = (Grant(GrantKind.ENV, "CLOCK", EVIDENCE, value="1"),)
    files = {"server.py": SCRIPT}
    tree = write_tree(tmp_path, files, entry="server", interface="http.server", grants=grants)
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/app/server.py:12: reads the clock (time.time)" in done.stdout


@pytest.mark.build
@pytest.mark.runtime
def test_an_import_that_needs_a_secret_waits_for_it(tmp_path: Path) -> None:
    files = {"main.py": "import os\nKEY = os.environ['API_KEY']\n" + WSGI}
    grants = (Grant(GrantKind.SECRET, "API_KEY", EVIDENCE),)
    tree = write_tree(tmp_path, files, entry="main:app", grants=grants)
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/app/main.py:2: its import raises KeyError: 'API_KEY' without API_KEY" in done.stdout
