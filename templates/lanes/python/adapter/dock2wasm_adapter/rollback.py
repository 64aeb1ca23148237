"""Undoing what the application's import did to other modules, so that it can be imported anew.

A second import on top of the first would meet loggers that have their handlers, registries that know the
names, settings that were read. `changes` finds, in a trial at build time, the objects that existed before the
import and that it changed, and how each is reached from a module; `keep()` copies just those before the real
import; `restore()` puts the copies back, at an instance's first request and only where it is needed.
"""

import collections
import contextlib
import functools
import sys
import types

from dock2wasm_adapter.notes import note

_CACHE = type(functools.lru_cache(lambda: None))


def is_a(thing, kinds):
    """isinstance() by the type alone: it would ask a lazy object (Django's settings) what it stands for."""
    return issubclass(type(thing), kinds)


def _attributes(thing):
    """An instance's attributes, slots included; None where it has none that could be set again."""
    if is_a(thing, (types.ModuleType, types.FunctionType, type, types.GenericAlias)):
        return None
    kind = type(thing)
    if not kind.__flags__ & (1 << 9):  # a class in C: its parts are its own affair
        return None
    found = {}
    try:
        own = object.__getattribute__(thing, "__dict__")
        if is_a(own, dict):
            found.update(own)
    except AttributeError:
        pass
    for base in kind.__mro__:
        if "__slots__" not in vars(base):
            continue
        for name, member in vars(base).items():
            if type(member) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):
                    found[name] = member.__get__(thing)
    return found


def _class_attributes(cls):
    return {n: v for n, v in vars(cls).items() if n not in ("__dict__", "__weakref__", "__doc__")}


def _is_heap_class(thing):
    return is_a(thing, type) and bool(thing.__flags__ & (1 << 9))


def state_of(thing):
    """(kind, shallow copy) of what can be put back; None for anything else."""
    if is_a(thing, dict):
        return "dict", dict.copy(thing)
    if is_a(thing, list):
        return "list", list.copy(thing)
    if is_a(thing, set):
        return "set", set.copy(thing)
    if is_a(thing, collections.deque):
        return "deque", list(collections.deque.__iter__(thing))
    if is_a(thing, _CACHE):
        return "cache", thing.cache_info().currsize
    if _is_heap_class(thing):
        return "class", _class_attributes(thing)
    attributes = _attributes(thing)
    return None if attributes is None else ("object", attributes)


def _follow(path):
    thing = None
    for step, name in path:
        if step == "module":
            thing = vars(sys.modules[name])
        elif step in ("key", "index"):
            thing = thing[name]
        elif step == "closure":
            thing = thing.__closure__[name].cell_contents
        elif step == "attribute":
            thing = getattr(thing, name)
        elif is_a(thing, type):
            thing = vars(thing)[name]
        else:
            thing = object.__getattribute__(thing, name)
    return thing


def keep(paths):
    """[(object, kind, copy)] of the objects that these paths lead to, for `restore`.

    A path that leads nowhere is noted: what it meant cannot be put back.
    """
    kept = []
    for path in paths:
        try:
            thing = _follow(path)
            state = state_of(thing)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            note(f"a change by the import that could not be found again: {path!r}: {error!r}")
            continue
        if state is not None:
            kept.append((thing, *state))
    return kept


def restore(kept):
    """Put the copies back."""
    for thing, kind, copy in kept:
        if kind == "dict":
            added = {n: v for n, v in thing.items() if n not in copy and is_a(v, types.ModuleType)}
            plain = collections.OrderedDict if is_a(thing, collections.OrderedDict) else dict
            plain.clear(thing)
            plain.update(thing, copy)
            plain.update(thing, added)
        elif kind == "list":
            thing[:] = copy
        elif kind == "set":
            set.clear(thing)
            set.update(thing, copy)
        elif kind == "deque":
            thing.clear()
            thing.extend(copy)
        elif kind == "cache":
            thing.cache_clear()
        else:
            _restore_attributes(thing, kind, copy)


def _restore_attributes(thing, kind, copy):
    if kind == "class":
        now, put, remove = _class_attributes(thing), type.__setattr__, type.__delattr__
    else:
        now, put, remove = _attributes(thing), object.__setattr__, object.__delattr__
    for name in now:
        if name not in copy:
            remove(thing, name)
    for name, value in copy.items():
        if name not in now or now[name] is not value:
            put(thing, name, value)
