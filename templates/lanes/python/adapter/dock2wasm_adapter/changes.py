"""Which objects an import changed that were there before it, and how they are reached (for a trial)."""

import collections
import contextlib
import gc
import os
import sys
import types

from dock2wasm_adapter.rollback import is_a, state_of

# Of no consequence, or worth keeping: caches of what was compiled, tables that the importer keeps.
_SKIPPED = frozenset(
    ("sys", "_frozen_importlib", "_frozen_importlib_external", "linecache", "re", "re._compiler", "abc", "gc",
     "warnings", "_warnings", "marshal", "zlib", "dock2wasm_main", "importlib", "importlib._bootstrap")
)  # fmt: skip
_SIMPLE = (str, int, bytes, float, bool, type(None))
# Steps from a module to an object; what lies deeper is found by a shorter way or not at all.
_DEPTH = 12


def _same(before, now):
    if before[0] != now[0]:
        return False
    first, second = before[1], now[1]
    if before[0] == "cache":
        return second <= first
    if len(first) != len(second):
        return False
    if before[0] in ("dict", "class", "object"):
        return all(name in second and second[name] is value for name, value in first.items())
    if before[0] == "set":
        return set(map(id, first)) == set(map(id, second))
    return all(a is b for a, b in zip(first, second, strict=True))


class Objects:
    """What there is before an import, to be compared with what there is after it."""

    def __init__(self):
        gc.collect()
        objects = [o for o in gc.get_objects() if o is not self.__dict__]
        # The dict of a class is changed through the class, or its caches would not notice; that of an
        # instance through the instance.
        inner = set()
        for thing in objects:
            if is_a(thing, type):
                inner.update(id(part) for part in gc.get_referents(thing) if type(part) is dict)
            elif not is_a(thing, types.ModuleType) and type(thing).__flags__ & (1 << 9):
                with contextlib.suppress(AttributeError):
                    inner.add(id(object.__getattribute__(thing, "__dict__")))
        self._before = {}
        for thing in objects:
            if id(thing) in inner:
                continue
            state = state_of(thing)
            if state is not None:
                self._before[id(thing)] = (thing, state)

    def changed(self):
        """([path], [description]): how each changed object is reached, and what is reached by no path."""
        found = {}
        skipped = {id(vars(m)) for n, m in list(sys.modules.items()) if n in _SKIPPED or _ours(n)}
        # The environment is compared, never put back: at run time it holds the live values.
        skipped.update(map(id, (sys.modules, os.environ, os.environ._data, getattr(os, "environb", None))))
        for name in ("_cache", "_cache2"):  # compiled patterns
            skipped.add(id(getattr(sys.modules.get("re"), name, None)))
        skipped.update(id(part) for m in list(sys.modules.values()) for part in _of_loader(m))
        for key, (thing, before) in self._before.items():
            if key in skipped or key == id(self._before) or thing is found:
                continue
            now = state_of(thing)
            if now is None or _same(before, now) or _only_modules(thing, before, now):
                continue
            if not type(thing).__module__.startswith(("dock2wasm_", "importlib.metadata")):
                found[key] = thing
        paths = self._paths(set(found))
        lost = [thing for key, thing in found.items() if key not in paths and self._is_used(thing)]
        return list(paths.values()), sorted(set(map(_describe, lost)))

    def _is_used(self, thing):
        """Whether anything but plain containers holds it: else it is a table of the interpreter's own."""
        plain = (dict, list, tuple, set, types.FrameType, types.CellType)
        return type(thing).__module__ != "builtins" or any(
            not is_a(r, plain) for r in gc.get_referrers(thing) if r is not self
        )

    def _paths(self, wanted):
        """{id: path} for those of `wanted` that can be reached, breadth first, in the state of before."""
        paths, seen, queue = {}, set(), collections.deque()
        for name in sorted(n for n in sys.modules if n not in _SKIPPED and not _ours(n)):
            module = sys.modules[name]
            if is_a(module, types.ModuleType):
                queue.append((vars(module), (("module", name),)))
        while queue and len(paths) < len(wanted):
            thing, path = queue.popleft()
            if id(thing) in seen or len(path) > _DEPTH:
                continue
            seen.add(id(thing))
            if id(thing) in wanted:
                paths[id(thing)] = path
            for step, part in self._parts(thing):
                if not is_a(part, (*_SIMPLE, types.ModuleType, types.CodeType)) and id(part) not in seen:
                    queue.append((part, (*path, step)))
        return paths

    def _parts(self, thing):
        kept = self._before.get(id(thing))
        if kept is not None:
            kind, copy = kept[1]
        elif is_a(thing, tuple):
            kind, copy = "list", thing
        elif is_a(thing, types.FunctionType):
            cells = thing.__closure__ or ()
            for number, cell in enumerate(cells):
                with contextlib.suppress(ValueError):
                    yield ("closure", number), cell.cell_contents
            if thing.__dict__:
                yield ("attribute", "__dict__"), thing.__dict__
            return
        elif is_a(thing, (types.MethodType, classmethod, staticmethod)):
            yield ("attribute", "__func__"), thing.__func__
            return
        elif is_a(thing, property):
            yield ("attribute", "fget"), thing.fget
            return
        else:
            return
        if kind == "dict":
            for key, part in copy.items():
                if is_a(key, (str, int)):
                    yield ("key", key), part
        elif kind in ("list", "deque"):
            for number, part in enumerate(copy):
                yield ("index", number), part
        elif kind in ("object", "class"):
            for name, part in copy.items():
                yield ("part", name), part
        elif kind == "cache":
            yield ("attribute", "__wrapped__"), thing.__wrapped__


def _of_loader(module):
    """The tables of the build's own loader."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return vars(loader).values() if type(loader).__module__ == "dock2wasm_main" else ()


def _ours(name):
    return name.startswith(("dock2wasm_adapter", "wit_world", "componentize_py", "encodings"))


def _only_modules(thing, before, now):
    """Whether only submodules came to a package's names: what was imported stays imported."""
    if before[0] != "dict":
        return False
    first, second = before[1], now[1]
    if any(name not in second or second[name] is not value for name, value in first.items()):
        return False
    return all(is_a(value, types.ModuleType) for name, value in second.items() if name not in first)


def _describe(thing):
    kind = type(thing)
    if is_a(thing, type):
        return f"class {thing.__module__}.{thing.__qualname__}"
    text = f"{kind.__module__}.{kind.__qualname__}"
    if is_a(thing, dict):
        text += f" with keys {sorted(map(repr, thing))[:3]}"
    elif is_a(thing, (list, set)):
        text += f" of {[type(x).__name__ for x in list(thing)[:3]]}"
    return text
