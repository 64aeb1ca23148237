"""The application: imported at an instance's first request, or when the component was built.

In the second case the first request compares what the import read from the environment with what the runtime
gives; where that differs the import is taken back and done anew.
"""

import importlib
import os
import sys

from dock2wasm_adapter import environment, rollback


class ApplicationError(Exception):
    """The entry does not lead to a WSGI application."""


class Application:
    """The WSGI application that `module`, `attribute` and, for a factory, `call` name.

    `call` is None, or the positional and keyword arguments of a factory. `own` holds the names of the
    application's own modules: after a failed import they are forgotten, so that the next request
    imports from the start instead of meeting half-made modules.
    """

    def __init__(self, module, attribute, call, own):
        self.module = module
        self.attribute = attribute
        self.call = call
        self.own = own
        self.frozen = None  # of an application that was imported at build time, until it was compared
        self._undo = ()
        self._loaded = None

    def find(self):
        """Import the application now, whatever the environment is."""
        self._loaded = self._import()

    def load(self, tree=None):
        """The application. Raises whatever its import raises, each time anew."""
        if self.frozen is not None:
            frozen, self.frozen = self.frozen, None
            if frozen.holds(tree):
                frozen.set_variables()
            else:
                self._undo = frozen.undo
                self._forget()
        if self._loaded is None:
            try:
                self._loaded = self._import()
            except BaseException:
                self._forget()
                raise
        return self._loaded

    def _forget(self):
        """Leave nothing of an import: neither modules, half-made ones included, nor what it did elsewhere."""
        self._loaded = None
        for name in [n for n in sys.modules if n in self.own]:
            del sys.modules[name]
        rollback.restore(self._undo)

    def _import(self):
        found = importlib.import_module(self.module)
        for part in self.attribute.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                raise ApplicationError(f"Failed to find attribute {part!r} in {self.module!r}.") from None
        if self.call is not None:
            args, kwargs = self.call
            found = found(*args, **kwargs)
        if not callable(found):
            raise ApplicationError(
                f"{self.module}:{self.attribute} is {type(found).__name__}, nothing that can be called."
            )
        return found


class Frozen:
    """What an import at build time depends on, and how it is taken back.

    `reads`: variable -> value or None, as bytes; `everything`: all variables at build, where the import asked
    for all, else None; `writes`: variables that it set (None: removed); `folders`: paths that it looked for;
    `undo`: see rollback.
    """

    def __init__(self, reads, everything, writes, folders, undo):
        self.undo = undo
        self._reads = tuple(reads.items())
        self._everything = everything
        self._writes = tuple(writes.items())
        self._paths = tuple(sorted(folders))

    def holds(self, tree):
        """Whether the import would find the same in this instance."""
        live = os.environ._data
        if any(live.get(name) != value for name, value in self._reads):
            return False
        if self._everything is not None and self._everything != dict(os.environ):
            return False
        # A mounted directory holds other files than the component did when it was built.
        return not (tree is not None and tree.mounts and any(map(tree.is_real, self._paths)))

    def set_variables(self):
        """What the import set in the environment, it sets in each instance."""
        for name, value in self._writes:
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Instance:
    """What has to be done once in each instance before anything of the application runs."""

    def __init__(self, tree, home, frozen_environment):
        self._tree = tree
        self._home = home
        self._frozen = frozen_environment  # variable -> value that dependencies read in the snapshot
        self._random = ()
        self._ready = False

    def remember_random(self):
        """Find the generators that the snapshot holds: their state would be the same in every instance."""
        module = sys.modules.get("random")
        if module is None:
            return
        import gc

        # type(), for isinstance() would ask lazy objects (Django's settings) what they stand for.
        self._random = tuple(
            o
            for o in gc.get_objects()
            if issubclass(type(o), module.Random) and not issubclass(type(o), module.SystemRandom)
        )

    def prepare(self):
        if self._ready:
            return
        self._ready = True
        for generator in self._random:
            generator.seed()
        self._mount()
        for name, value in environment.with_defaults({}, self._home).items():
            os.environ.setdefault(name, value)
        for name, value in self._frozen.items():
            if os.environ.get(name) != value:
                print(
                    f"dock2wasm: a dependency read the variable {name} when the component was built"
                    f" ({value!r}); its value now is not seen by it",
                    file=sys.stderr,
                    flush=True,
                )

    def _mount(self):
        from wit_world.imports import preopens

        paths = []
        for descriptor, path in preopens.get_directories():
            paths.append(path)
            descriptor.__exit__(None, None, None)
        self._tree.mount(paths)
