"""The component's main module: loads the compiled code, imports the dependencies, and becomes the snapshot.

Runs once, at build time, inside CPython for WASI. Everything that is in memory when it has run is the
component's memory at the start of every instance; only `IncomingHandler.handle` runs later. What the
host selected lies in /0: `table.marshal` (names, files, settings) and `code.bin` (marshalled code).

The first lines import nothing that the interpreter does not hold already: whatever is compiled here
would be part of the snapshot.
"""

import marshal
import sys

import _frozen_importlib

with open("/0/table.marshal", "rb", 0) as _file:
    _modules, _files, _settings = marshal.loads(_file.read())
_code_file = open("/0/code.bin", "rb", 0)  # noqa: SIM115 - closed below, when the last module is loaded
# One buffer for all: freed memory that once held code would be part of the snapshot.
_buffer = bytearray(max(entry[3] for entry in _modules.values()))
_view = memoryview(_buffer)


def _read(name):
    offset, length = _modules[name][2:4]
    _code_file.seek(offset)
    done = 0
    while done < length:
        done += _code_file.readinto(_view[done:length])
    return _view[:length]


class _BuildLoader:
    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(_read(self.name)), module.__dict__)
        if _hooks is not None:
            for function in _hooks.get(self.name, ()):
                function(module)


class _BuildFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        entry = _modules.get(name)
        if entry is None or entry[4] == "app":
            return None
        spec = _frozen_importlib.ModuleSpec(name, _BuildLoader(name), origin=entry[0], is_package=entry[1])
        spec.has_location = True
        if entry[1]:
            spec.submodule_search_locations = [entry[0].rpartition("/")[0]]
        return spec


_hooks = None
sys.meta_path.insert(0, _BuildFinder)

from dock2wasm_adapter import files as _fs  # noqa: E402
from dock2wasm_adapter import modules as _importer  # noqa: E402

_hooks = _importer.HOOKS
_tree = _fs.Tree()
for _path, (_data, _mode, _mtime, _size) in _files.items():
    _tree.add(_path, _data, _mode, _mtime, _size)
for _path in _settings["folders"]:
    _tree.add_folder(_path)
_tree.cwd = _settings["workdir"]
del _files
_system = _fs.FileSystem(_tree)
_system.install()

from dock2wasm_adapter import gaps as _gaps  # noqa: E402
from dock2wasm_adapter import speedups as _speedups  # noqa: E402
from dock2wasm_adapter import threads as _threads  # noqa: E402

_gaps.install(_tree, _settings["user_id"])
_threads.install()
_speedups.install()
sys.path[:] = [p for p in sys.path if not p.startswith(("/0", "/python"))]
sys.path[:0] = _settings["sys_path"]
sys.path_importer_cache.clear()
sys.path_hooks.insert(0, _importer.path_hook(_tree))

import importlib  # noqa: E402

for _name in _settings["preload"]:
    importlib.import_module(_name)

from wit_world import exports  # noqa: E402

from dock2wasm_adapter import application as _application  # noqa: E402
from dock2wasm_adapter import wsgi as _wsgi  # noqa: E402


def _import_dependencies():
    """Import what the application's modules import. Returns the environment variables they read."""
    import os

    from dock2wasm_adapter import environment

    for name, required, who in _settings["dependencies"]:
        if name in sys.modules:
            continue
        with environment.recorded(os.environ, name):
            try:
                importlib.import_module(name)
            except Exception as error:
                if required:
                    print(f"dock2wasm: cannot import {name} (imported by {who})", file=sys.stderr, flush=True)
                    raise
                print(f"dock2wasm-note: {name} (imported by {who}) left out: {error!r}", flush=True)
    return environment.seen()


_read_variables = _import_dependencies()
_app = _application.Application(
    *_settings["entry"], own=frozenset(n for n, e in _modules.items() if e[4] == "app")
)
_instance = _application.Instance(_tree, _settings["home"], _read_variables)


def _keep_code():
    """Keep code for later imports: the application's ready to run, the rest compressed, what is imported not at all."""
    import zlib

    for name, entry in _modules.items():
        origin, is_package, group = entry[0], entry[1], entry[4]
        if name in sys.modules:
            code = None
        elif group == "app":
            code = marshal.loads(_read(name))
        else:
            code = zlib.compress(_read(name), 9)
        _importer.TABLE[name] = (origin, is_package, code)
    _importer.LEFT_OUT.update(_settings["left_out"])


_keep_code()
sys.meta_path[0] = _importer.Finder
sys.meta_path.append(_importer.LastFinder)
for _module in list(sys.modules.values()):
    _spec = getattr(_module, "__spec__", None)
    if _spec is not None and isinstance(_spec.loader, _BuildLoader):
        _spec.loader = _module.__loader__ = _importer.Loader(_spec.name, _spec.origin)
_code_file.close()
_view[:] = bytes(len(_view))
_view.release()
sys.stdout.reconfigure(line_buffering=True)
del _buffer, _view, _modules, _settings, _read_variables, _BuildFinder, _BuildLoader, _hooks, _keep_code
del _import_dependencies, _read, _file, _code_file, _data, _mode, _mtime, _size, _path, _name, _module, _spec


def _load():
    _instance.prepare()
    return _app.load()


class IncomingHandler(exports.IncomingHandler):
    """wasi:http/incoming-handler."""

    def handle(self, request, response_out):
        _wsgi.handle(_load, request, response_out)
        for path in _tree.take_unreported():
            print(
                f"dock2wasm: wrote {path}: kept in this instance's memory only, lost with it",
                file=sys.stderr,
                flush=True,
            )


_instance.remember_random()
import gc  # noqa: E402

gc.collect()
gc.freeze()
