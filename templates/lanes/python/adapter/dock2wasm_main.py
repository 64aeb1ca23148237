"""The component's main module: loads the compiled code, imports the dependencies, becomes the snapshot.

Runs once, at build time, inside CPython for WASI. All that is in memory when it has run is the memory
that every instance starts with; only `IncomingHandler.handle` runs later. What the host's part of the
build selected lies in /0: `table.marshal` (modules, files, settings) and `code.bin` (marshalled code).

Nothing is imported at the top but what the interpreter holds already: whatever is compiled here, and not
taken from `code.bin`, would have its compiler's leftovers in the snapshot.
"""

import _frozen_importlib
import marshal
import sys

# Of no use once the snapshot is made.
BUILD_ONLY = frozenset(
    (
        "dock2wasm_adapter.freezing",
        "dock2wasm_adapter.changes",
        "dock2wasm_adapter.trial",
    )
)


class BuildCode:
    """The compiled modules while the snapshot is made, and the finder that imports them."""

    def __init__(self, modules):
        self.modules = modules  # name -> (origin, is package, offset, length, group)
        self.hooks = None
        self.with_application = False  # whether the application's modules can be imported already
        self.own = {}  # code of the application's modules that were imported
        self._file = open("/0/code.bin", "rb", 0)  # noqa: SIM115 - closed in close()
        # One buffer for all: freed memory that once held code would be part of the snapshot.
        self._view = memoryview(bytearray(max(entry[3] for entry in modules.values())))

    def read(self, name):
        offset, length = self.modules[name][2:4]
        self._file.seek(offset)
        done = 0
        while done < length:
            done += self._file.readinto(self._view[done:length])
        return self._view[:length]

    def close(self):
        self._file.close()
        self._view[:] = bytes(len(self._view))
        self._view.release()

    # --- finder -------------------------------------------------------------------------

    def find_spec(self, name, path=None, target=None):
        entry = self.modules.get(name)
        if entry is None or (entry[4] == "app" and not self.with_application):
            return None
        spec = _frozen_importlib.ModuleSpec(name, self, origin=entry[0], is_package=entry[1])
        spec.has_location = True
        if entry[1]:
            spec.submodule_search_locations = [entry[0].rpartition("/")[0]]
        return spec

    # --- loader -------------------------------------------------------------------------

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        code = marshal.loads(self.read(name))
        if self.modules[name][4] == "app":
            self.own[name] = code  # kept: it may have to be imported anew
        exec(code, module.__dict__)
        for function in (self.hooks or {}).get(name, ()):
            function(module)

    def get_resource_reader(self, name):
        from importlib.readers import FileReader

        from dock2wasm_adapter import modules

        origin, is_package = self.modules[name][:2]
        return FileReader(modules.Loader(name, origin)) if is_package else None


def make_files(files, settings):
    """Install the in-memory files, before anything captures a function of `os` or `io`."""
    from dock2wasm_adapter.files import FileSystem, Tree

    tree = Tree()
    for path, (data, mode, mtime, size) in files.items():
        tree.add(path, data, mode, mtime, size)
    for path in settings["folders"]:
        tree.add_folder(path)
    tree.cwd = settings["workdir"]
    FileSystem(tree).install()
    return tree


def fill_gaps(tree, settings):
    from dock2wasm_adapter import gaps, loops, net, speedups, templates, threads

    gaps.install(tree, settings["user_id"])
    threads.install()
    loops.install()
    net.install()
    speedups.install()
    templates.install()


def set_path(tree, settings):
    """sys.path as the server would have it; the build's own mounts are not there at run time."""
    from dock2wasm_adapter import modules

    sys.path[:] = [*settings["sys_path"], *(p for p in sys.path if not p.startswith(("/0", "/python")))]
    sys.path_importer_cache.clear()
    sys.path_hooks.insert(0, modules.path_hook(tree))


def import_dependencies(wanted):
    """Import what the application's modules import: [(module, required, importer)].

    Returns the environment variables that were read meanwhile. A required one that fails ends the build.
    """
    import importlib

    from dock2wasm_adapter import environment, notes

    recorder = environment.Recorder()
    with environment.recorded(recorder):
        for name, required, importer in wanted:
            if name in sys.modules:
                continue
            try:
                importlib.import_module(name)
            except Exception as error:
                if required:
                    print(
                        f"dock2wasm: cannot import {name} (imported by {importer})",
                        file=sys.stderr,
                        flush=True,
                    )
                    raise
                notes.note(f"{name} (imported by {importer}) left out: {error!r}")
    return recorder


def say_fixed(fixed, who):
    from dock2wasm_adapter import notes

    for name in fixed:
        notes.note(
            f"the import of {who.get(name) or 'a dependency'} reads the variable {name}; its value is fixed"
            " by the build"
        )


def keep_code(code, left_out):
    """Keep code for later imports: the application's as it is, the rest compressed, of imported ones none."""
    import zlib

    from dock2wasm_adapter import modules

    for name in BUILD_ONLY:
        sys.modules.pop(name, None)
    for name, entry in code.modules.items():
        if name in BUILD_ONLY:
            continue
        origin, is_package, group = entry[0], entry[1], entry[4]
        if group == "app":
            kept = code.own.get(name) or marshal.loads(code.read(name))
        elif name in sys.modules:
            kept = None
        else:
            kept = zlib.compress(code.read(name), 9)
        modules.TABLE[name] = (origin, is_package, kept)
    modules.LEFT_OUT.update(left_out)
    sys.meta_path[0] = modules.Finder
    sys.meta_path.append(modules.LastFinder)
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.loader is code:
            spec.loader = module.__loader__ = modules.Loader(spec.name, spec.origin)


def build():
    """Everything up to the snapshot. Returns (tree, application, instance, adapter)."""
    with open("/0/table.marshal", "rb", 0) as file:
        table, files, settings = marshal.loads(file.read())
    code = BuildCode(table)
    sys.meta_path.insert(0, code)
    # The files of the machine are out of reach from here on.
    report = open("/0/trial.marshal", "wb") if settings["snapshot_app"] == "trial" else None  # noqa: SIM115
    from dock2wasm_adapter import notes

    notes.open_file("/0/notes")
    tree = make_files(files, settings)
    from dock2wasm_adapter import environment, modules

    code.hooks = modules.HOOKS
    modules.NativeFinder.libraries.update(settings["libraries"])
    sys.meta_path.insert(1, modules.NativeFinder)
    fill_gaps(tree, settings)
    set_path(tree, settings)
    import importlib

    for name in settings["preload"]:
        importlib.import_module(name)
    from dock2wasm_adapter import application

    adapter = importlib.import_module(settings["adapter"])
    if hasattr(adapter, "configure"):
        adapter.configure(settings)
    environment.replace_all(environment.with_defaults(settings["environment"], settings["home"]))
    recorder = import_dependencies(settings["dependencies"])
    fixed = recorder.fixed
    own = frozenset(name for name, entry in table.items() if entry[4] == "app")
    app = getattr(adapter, "Application", application.Application)(*settings["entry"], own=own)
    if settings["snapshot_app"]:
        from dock2wasm_adapter import freezing

        code.with_application = True
        if report is not None:
            seen = freezing.trial(app, tree, {name: entry[4] for name, entry in table.items()})
            with report:
                report.write(marshal.dumps(seen, 4))
            raise SystemExit  # no component is wanted
        while_frozen = freezing.freeze(app, tree, own, settings["changed"])
        fixed = {**while_frozen.fixed, **fixed}
        recorder.who.update(while_frozen.who)
    say_fixed(fixed, recorder.who)
    instance = application.Instance(tree, settings["home"], fixed)
    keep_code(code, settings["left_out"])
    code.close()
    notes.close_file()
    # The log is read line by line.
    sys.stdout.reconfigure(line_buffering=True)
    return tree, app, instance, adapter


TREE, APPLICATION, INSTANCE, ADAPTER = build()

from wit_world import exports  # noqa: E402 - build() made the finder that finds it


def load():
    """The application; on an instance's first call what has to be done before it runs."""
    INSTANCE.prepare()
    return APPLICATION.load(TREE)


class IncomingHandler(exports.IncomingHandler):
    """wasi:http/incoming-handler."""

    def handle(self, request, response_out):
        ADAPTER.handle(load, request, response_out)
        for path in TREE.take_unreported():
            text = f"dock2wasm: wrote {path}: kept in this instance's memory only, lost with it"
            print(text, file=sys.stderr, flush=True)


def freeze():
    """The last step: leave no garbage, and let the collector never look at the snapshot's objects again."""
    import gc

    INSTANCE.remember_random()
    gc.collect()
    gc.freeze()


freeze()
