"""The application: imported at an instance's first request, with the environment that the runtime gives."""

import importlib
import os
import sys


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
        self._loaded = None

    def load(self):
        """The application. Raises whatever its import raises, each time anew."""
        if self._loaded is None:
            before = set(sys.modules)
            try:
                self._loaded = self._import()
            except BaseException:
                for name in [n for n in sys.modules if n in self.own and n not in before]:
                    del sys.modules[name]
                raise
        return self._loaded

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
        # What a container always has and a component has not.
        os.environ.setdefault("HOME", self._home)
        os.environ.setdefault("PATH", "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
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
