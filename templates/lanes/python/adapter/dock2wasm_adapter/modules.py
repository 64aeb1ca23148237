"""Imports from the component's own memory: code that was compiled and placed there by the build."""

import _frozen_importlib
import _frozen_importlib_external
import marshal
import posixpath
import sys
import zlib

# Module -> (origin, is package, code). The code is None when the module was imported in the snapshot
# (nothing more is kept), bytes (zlib over marshal) when it may be imported later, or a code object.
TABLE = {}
# Modules that the build left out because nothing was seen to import them: name -> group.
LEFT_OUT = {}
# Module -> function called with it right after its import.
HOOKS = {}


def hook(name, function):
    """Call `function(module)` when the module is imported, or now if it already is."""
    if name in sys.modules:
        function(sys.modules[name])
    else:
        HOOKS.setdefault(name, []).append(function)


class Loader:
    """Loads one module of TABLE. The optional protocols of importlib are here (data, source, resources)."""

    def __init__(self, name, origin):
        self.name = name
        self.path = origin

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(self.name), module.__dict__)
        for function in HOOKS.get(self.name, ()):
            function(module)

    def get_code(self, name):
        code = TABLE[name][2]
        if code is None:
            raise ImportError(
                f"dock2wasm: {name} was imported when the component was built; it cannot be loaded again",
                name=name,
            )
        return marshal.loads(zlib.decompress(code)) if isinstance(code, bytes) else code

    def is_package(self, name):
        return TABLE[name][1]

    def get_filename(self, name):
        return TABLE[name][0]

    def get_source(self, name):
        try:
            with open(TABLE[name][0], encoding="utf-8") as file:
                return file.read()
        except OSError:  # sources of dependencies are not kept
            return None

    def get_data(self, path):
        with open(path, "rb") as file:
            return file.read()

    def get_resource_reader(self, name):
        from importlib.readers import FileReader

        return FileReader(self) if TABLE[name][1] else None


class Finder:
    """First on sys.meta_path: every module of TABLE."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        entry = TABLE.get(name)
        if entry is None:
            return None
        origin, is_package, _ = entry
        spec = _frozen_importlib.ModuleSpec(name, Loader(name, origin), origin=origin, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [posixpath.dirname(origin)]
        return spec

    @staticmethod
    def invalidate_caches():
        pass


class NativeFinder:
    """Second on sys.meta_path: shared libraries, which are linked into the component under these paths."""

    libraries = {}  # noqa: RUF012 - one for the interpreter; filled once, by the build

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        library = cls.libraries.get(name)
        if library is None:
            return None
        loader = _frozen_importlib_external.ExtensionFileLoader(name, library)
        spec = _frozen_importlib.ModuleSpec(name, loader, origin=library)
        spec.has_location = True
        return spec

    @staticmethod
    def invalidate_caches():
        pass


# Modules of CPython that its build for WASI does not have -> what is missing with them.
ABSENT = {
    "_bz2": "bz2", "_lzma": "lzma", "_zstd": "compression.zstd", "_ctypes": "ctypes", "ctypes": "ctypes",
    "mmap": "mmap", "_curses": "curses", "curses": "curses", "readline": "readline", "termios": "termios",
    "_tkinter": "tkinter", "tkinter": "tkinter", "_multiprocessing": "multiprocessing",
    "_posixshmem": "shared memory", "_dbm": "dbm.ndbm", "_gdbm": "dbm.gnu",
}  # fmt: skip


class LastFinder:
    """Last on sys.meta_path: says why a module is missing that Python has, or that the build left out."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(
                f"No module named {name!r} (dock2wasm: {ABSENT[name]} is not available in WebAssembly)",
                name=name,
            )
        if name in LEFT_OUT:
            raise ModuleNotFoundError(
                f"No module named {name!r} (dock2wasm: the build saw no import of it and left it out;"
                ' add its name to "keep" in lane.json and build again)',
                name=name,
            )


def path_hook(tree):
    """A sys.path hook over the tree: pkgutil's listing, and namespace packages."""

    class PathFinder:
        def __init__(self, path):
            if path not in tree.folders:
                raise ImportError(path)
            self.path = path

        def find_spec(self, name, target=None):
            spec = Finder.find_spec(name)
            if spec is None:
                folder = posixpath.join(self.path, name.rpartition(".")[2])
                if folder in tree.folders:
                    spec = _frozen_importlib.ModuleSpec(name, None, is_package=True)
                    spec.submodule_search_locations = [folder]
            return spec

        def invalidate_caches(self):
            pass

        def iter_modules(self, prefix=""):
            for name in sorted(tree.folders.get(self.path, ())):
                full = posixpath.join(self.path, name)
                if full in tree.folders and full + "/__init__.py" in tree.files:
                    yield prefix + name, True
                elif name.endswith(".py") and name != "__init__.py" and full in tree.files:
                    yield prefix + name[:-3], False

    return PathFinder
