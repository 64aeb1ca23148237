"""What stands in for the gaps of the standard library, the importer, and the first request of an instance."""

# ruff: noqa: E501 - guest code in strings, one thought a line

from __future__ import annotations

import sys
import textwrap
import types

import pytest

from tests.templates.lanes.python.installed import run
from tests.templates.lanes.python.wasi import adapter

# --- threads ------------------------------------------------------------------------------------

THREADS = """
import time, threading, queue, concurrent.futures.thread
threads.install()
from concurrent.futures import ThreadPoolExecutor, as_completed
def caught(function, *args):
    try:
        return ["value", function(*args)]
    except Exception as error:
        return [type(error).__name__, str(error)]
"""


def run_threads(code: str):
    return run(THREADS + textwrap.dedent(code))


def test_a_short_task_runs_at_start() -> None:
    assert run_threads("""
        done = []
        t = threading.Thread(target=lambda x: done.append(x), args=(1,)); before = t.is_alive()
        t.start(); t.join()
        class Own(threading.Thread):
            def run(self): done.append(self.name)
        Own(name="own").start()
        result([done, before, t.is_alive(), caught(t.start)[0]])
    """) == [[1, "own"], False, False, "RuntimeError"]


def test_a_task_that_fails_is_reported_and_not_the_starters_problem() -> None:
    assert run_threads("""
        seen = []
        threading.excepthook = lambda args: seen.append(args.exc_type.__name__)
        t = threading.Thread(target=lambda: 1 / 0); t.start()
        result([seen, t.is_alive()])
    """) == [["ZeroDivisionError"], False]


def test_pools_do_the_work_at_once() -> None:
    assert run_threads("""
        with ThreadPoolExecutor(max_workers=4) as pool:
            mapped = list(pool.map(lambda x: x * x, range(4)))
            futures = [pool.submit(pow, 2, n) for n in range(3)]
            values = sorted(f.result() for f in as_completed(futures))
            failed = type(pool.submit(lambda: 1 / 0).exception()).__name__
        result([mapped, values, failed, caught(pool.submit, print)[0]])
    """) == [[0, 1, 4, 9], [1, 2, 4], "ZeroDivisionError", "RuntimeError"]


@pytest.mark.parametrize(
    "body",
    [
        "while True: time.sleep(1)",
        "while 1: work(); time.sleep(60)",
        "for x in iter(int, 1): time.sleep(60)",
        "while not stop.is_set(): time.sleep(60)",
        "while not stop.wait(60): work()",
        "queue.Queue().get()",
        "queue.SimpleQueue().get()",
        "threading.Event().wait()",
        "with stop._cond: stop._cond.wait_for(lambda: False)",
    ],
)
def test_what_would_never_come_back_is_refused(body: str) -> None:
    kind, text = run_threads(f"""
        threads._sleep = lambda seconds: None
        stop = threading.Event()
        def work(): pass
        def target():
            {body}
        result(caught(threading.Thread(target=target, name="poller").start))
    """)
    assert kind == "UnsupportedError", text
    assert "dock2wasm" in text and "no threads in WebAssembly" in text


def test_a_loop_with_a_way_out_is_a_task() -> None:
    assert (
        run_threads("""
        done = []
        def target():
            while True:
                done.append(1)
                if len(done) > 3: break
        def generator_like():
            while True:
                if done: return
        threading.Thread(target=target).start(); threading.Thread(target=generator_like).start()
        result(len(done))
    """)
        == 4
    )


def test_a_timer_is_refused() -> None:
    kind, text = run_threads("result(caught(threading.Timer(5, print).start))")
    assert kind == "UnsupportedError" and "Timer" in text


def test_waiting_with_a_timeout_ends() -> None:
    assert run_threads("""
        threads._sleep = lambda seconds: None
        q = queue.Queue()
        result([threading.Event().wait(0.01), caught(q.get, True, 0.01)[0], caught(q.get_nowait)[0]])
    """) == [False, "Empty", "Empty"]


def test_processes_are_refused_by_name() -> None:
    kinds = run("""
        modules.TREE = tree
        modules.hook("subprocess", gaps._subprocess)
        import subprocess
        gaps._subprocess(subprocess)
        found = []
        for call in (lambda: subprocess.run(["convert", "x.png"]), lambda: gaps.refuse("os.system")("ls")):
            try: call()
            except Exception as error: found.append([type(error).__name__, str(error)])
        result(found)
    """)
    assert [k for k, _ in kinds] == ["OSError", "UnsupportedError"]
    assert all("dock2wasm" in text for _, text in kinds)
    assert "convert" in kinds[0][1]


def test_sqlite_says_what_it_needs() -> None:
    assert run("""
        gaps.modules.TREE = tree
        import sqlite3, sqlite3.dbapi2
        gaps._sqlite3(sqlite3.dbapi2)
        memory = sqlite3.connect(":memory:").execute("select 1").fetchone()
        try: sqlite3.connect("shop.db")
        except sqlite3.OperationalError as error: result([memory, str(error)])
    """) == [[1], ("unable to open database file /app/shop.db (dock2wasm: SQLite needs a directory that the runtime mounts; "
             "files inside the component are out of its reach)")]  # fmt: skip


# --- imports ---------------------------------------------------------------------------------------


def test_modules_packages_namespaces_and_resources_come_from_memory() -> None:
    assert run("""
        import marshal, zlib, importlib, importlib.resources, importlib.metadata, importlib.util, pkgutil, sys
        def add(name, source, package=False):
            origin = "/app/" + name.replace(".", "/") + ("/__init__.py" if package else ".py")
            tree.add(origin, source.encode())
            code = compile(source, origin, "exec")
            modules.TABLE[name] = (origin, package, zlib.compress(marshal.dumps(code)) if package else code)
        add("shop", "from shop.views import V", True)
        add("shop.views", "V = 7\\nimport pathlib; HERE = pathlib.Path(__file__).parent")
        add("space.inner", "W = 8")
        tree.add("/app/shop/data.txt", b"resource")
        tree.add("/app/thing-1.2.dist-info/METADATA", b"Metadata-Version: 2.1\\nName: thing\\nVersion: 1.2\\n")
        tree.add("/app/thing-1.2.dist-info/entry_points.txt", b"[group]\\nname = shop:V\\n")
        modules.LEFT_OUT["left.behind"] = "site"; modules.LEFT_OUT["left"] = "site"
        sys.path[:0] = ["/app"]; sys.path_hooks.insert(0, modules.path_hook(tree)); sys.path_importer_cache.clear()
        sys.meta_path.insert(0, modules.Finder); sys.meta_path.append(modules.LastFinder)
        import shop, space.inner
        called = []
        modules.hook("shop", lambda m: called.append(m.__name__))
        try: import left
        except ModuleNotFoundError as error: left = str(error)
        try: import nowhere
        except ModuleNotFoundError as error: nowhere = str(error)
        result([
            shop.V, space.inner.W, str(shop.views.HERE), importlib.resources.files("shop").joinpath("data.txt").read_text(),
            pkgutil.get_data("shop", "data.txt").decode(), importlib.metadata.version("thing"),
            [e.name for e in importlib.metadata.entry_points(group="group")],
            sorted(m.name for m in pkgutil.iter_modules(shop.__path__)), called,
            importlib.util.find_spec("shop.views").origin, shop.views.__loader__.get_source("shop.views")[:5],
            left, nowhere, importlib.reload(shop).V,
        ])
    """) == [
        7, 8, "/app/shop", "resource", "resource", "1.2", ["name"], ["views"], ["shop"], "/app/shop/views.py", "V = 7",
        ("No module named 'left' (dock2wasm: the build saw no import of it and left it out; add its name to \"keep\" in "
        "lane.json and build again)"), "No module named 'nowhere'", 7,
    ]  # fmt: skip


def test_what_python_has_and_webassembly_has_not_is_named() -> None:
    assert run("""
        import sys
        sys.meta_path[:] = [modules.LastFinder]
        told = []
        for name in ("_bz2", "mmap", "nowhere"):
            sys.modules.pop(name, None)
            try: __import__(name)
            except ModuleNotFoundError as error: told.append(str(error))
        result(told)
    """) == [
        "No module named '_bz2' (dock2wasm: bz2 is not available in WebAssembly)",
        "No module named 'mmap' (dock2wasm: mmap is not available in WebAssembly)",
        "No module named 'nowhere'",
    ]


# --- the application at the first request ------------------------------------------------------------


def application(module: str, attribute: str = "app", call=None, own=()):
    return adapter("application").Application(module, attribute, call, frozenset(own))


@pytest.fixture
def shop(monkeypatch):
    """Modules `shop_main` and `shop_part`: the first imports the second, which fails as long as it is told to."""

    class Loader:
        fails = True

        def find_spec(self, name, path=None, target=None):
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, self) if name.startswith("shop_") else None

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            if module.__name__ == "shop_main":
                import shop_part  # noqa: F401

                module.app = dict
                module.make = lambda *args, **kwargs: lambda *_: (args, kwargs)
                module.number = 5
                module.nested = types.SimpleNamespace(app=module.app)
            elif Loader.fails:
                raise KeyError("SETTING")

    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    yield Loader
    for name in ("shop_main", "shop_part"):
        sys.modules.pop(name, None)


def test_a_failed_import_is_tried_again_from_the_start(shop) -> None:
    app = application("shop_main", own=("shop_main", "shop_part"))
    for _ in range(2):
        with pytest.raises(KeyError, match="SETTING"):
            app.load()
        assert not {"shop_main", "shop_part"} & set(sys.modules)
    shop.fails = False
    assert callable(app.load())
    assert app.load() is app.load()


def test_factories_and_attributes(shop) -> None:
    shop.fails = False
    made = application("shop_main", "make", (("prod",), {"debug": False})).load()
    assert made() == (("prod",), {"debug": False})
    assert callable(application("shop_main", "nested.app").load())


@pytest.mark.parametrize("attribute", ["missing", "number"])
def test_an_entry_that_is_no_application(shop, attribute: str) -> None:
    shop.fails = False
    with pytest.raises(adapter("application").ApplicationError):
        application("shop_main", attribute).load()


def test_generators_of_the_snapshot_are_seeded_anew() -> None:
    import random

    kept = random.Random(1)  # noqa: S311 - the module under test looks for these
    first = random.Random(1).random()  # noqa: S311
    instance = adapter("application").Instance(types.SimpleNamespace(mount=list), "/root", {})
    instance.remember_random()
    assert kept in instance._random
    assert not any(isinstance(g, random.SystemRandom) for g in instance._random)
    instance.prepare()
    assert kept.random() != first


def test_a_variable_that_dependencies_read_at_build_is_named_when_it_differs(monkeypatch, capsys) -> None:
    monkeypatch.setenv("CHANGED", "now")
    monkeypatch.setenv("SAME", "s")
    frozen = {"CHANGED": None, "SAME": "s", "UNSET": None}
    adapter("application").Instance(types.SimpleNamespace(mount=list), "/root", frozen).prepare()
    said = capsys.readouterr().err
    assert "CHANGED" in said and "SAME" not in said and "UNSET" not in said
