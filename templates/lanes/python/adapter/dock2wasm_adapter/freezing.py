"""Imports the application while the component is built: once as a trial, then for the snapshot.

`trial` returns what it saw, `freeze` the recorder of environment variables.
"""

import importlib
import os
import sys
import traceback

from dock2wasm_adapter import application, environment, rollback, templates
from dock2wasm_adapter.notes import note

# A script that is run as a program is the application's module under this name.
_SCRIPT = "__main__"


def trial(app, tree, groups):
    """Import the application, watched. Returns what was seen, as plain data (see tools/trial.py).

    `groups`: module -> its group (app, site, std, ...). Everything is left as it came out: the process ends
    after this.
    """
    # Needed in a trial only, so that nothing of it comes into a snapshot.
    changes = importlib.import_module("dock2wasm_adapter.changes")
    watching = importlib.import_module("dock2wasm_adapter.trial")

    def is_own(name):
        return groups.get(name) == "app" or name == _SCRIPT

    objects = changes.Objects()
    there = set(sys.modules)
    recorder = environment.Recorder(is_own)
    watch = watching.Watch(tree, is_own, lambda name: groups.get(name) == "site")
    error = None
    try:
        with environment.recorded(recorder), watch:
            app.find()
    except BaseException as problem:  # SystemExit too: `sys.exit("SETTING is missing")`
        error = {"text": f"{type(problem).__name__}: {problem}", "where": _where(problem, is_own)}
    changed, lost = objects.changed() if error is None else ([], [])
    return {
        "error": error,
        "refused": watch.refused,
        "said": watch.said,
        "reads": [(name, recorder.who.get(name, "")) for name in recorder.reads],
        "everything": recorder.everything,
        "writes": list(recorder.writes),
        "fixed": [(name, recorder.who.get(name, "")) for name in recorder.fixed],
        "late": [n for n in sys.modules if n not in there and groups.get(n) in ("site", "std")],
        "changed": changed,
        "lost": lost,
    }


def _where(problem, is_own):
    """file:line of the application's innermost frame."""
    if isinstance(problem, SyntaxError) and problem.filename:
        return f"{problem.filename}:{problem.lineno}"
    where = ""
    for frame, line in traceback.walk_tb(problem.__traceback__):
        if is_own(frame.f_globals.get("__name__", "")):
            where = f"{frame.f_code.co_filename}:{line}"
    return where


def freeze(app, tree, own, changed):
    """Import the application for the snapshot. `changed`: paths of objects that its import changes."""
    recorder = environment.Recorder((own | {_SCRIPT}).__contains__)
    undo = rollback.keep(changed)
    before = dict(os.environ)
    touched = _touched(tree)
    with environment.recorded(recorder):
        app.find()
    compiled = templates.prepare()
    if compiled:
        note(f"{compiled} templates compiled")
    del tree.resolve
    app.frozen = application.Frozen(
        reads={os.fsencode(n): None if v is None else os.fsencode(v) for n, v in recorder.reads.items()},
        everything=before if recorder.everything else None,
        writes=dict(recorder.writes),
        folders=frozenset(touched),
        undo=undo,
    )
    # What it set is set again in each instance.
    environment.replace_all(before)
    return recorder


def _touched(tree):
    """A set that gets the path of every file that is looked for, from now on."""
    paths = set()
    plain = tree.resolve

    def resolve(path):
        found = plain(path)
        paths.add(found)
        return found

    tree.resolve = resolve
    return paths
