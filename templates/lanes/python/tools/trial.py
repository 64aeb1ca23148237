"""Decides whether the application is part of the snapshot: imports it on trial, and says what it saw.

`snapshot_app` in lane.json: `never`, `auto` (as part of the snapshot where nothing speaks against it, else
loudly not) or `always` (the build fails where something does).
"""

import marshal

from common import BUILD, BuildFailed, note, show

# A second trial starts with what the first saw imported; each finds fewer.
TRIALS = 3


class Outcome:
    """What the trial showed. `frozen`: the application is imported at build time."""

    def __init__(self, mode):
        self.mode = mode
        self.frozen = False
        self.late = []  # modules of others that the application's import brought in
        self.changed = []
        self.reasons = []  # why it is not frozen
        self.reads = []  # (variable, where) read during the import
        self.delays = []  # of those, the ones whose value comes at start

    def facts(self):
        """For the component's section: plain data."""
        return {
            "snapshot_app": self.mode,
            "application": "snapshot" if self.frozen else "first request",
            "reasons": self.reasons,
            "reads": [{"name": name, "where": where} for name, where in self.reads],
            "at_start": [{"name": name, "where": where} for name, where in self.delays],
        }


def attempt(stage, lane):
    """Outcome of the trials. Raises BuildFailed where the application must be in the snapshot and cannot."""
    mode = lane.get("snapshot_app", "never")
    outcome = Outcome(mode)
    if mode == "never":
        return outcome
    seen = run(stage, outcome)
    outcome.reasons = reasons(seen, lane)
    if outcome.reasons:
        return refused(outcome)
    outcome.frozen = True
    outcome.changed = seen["changed"]
    outcome.reads = seen["reads"]
    at_start = set(lane.get("at_start", []))
    outcome.delays = [(name, where) for name, where in seen["reads"] if name in at_start]
    say(seen, outcome)
    return outcome


def run(stage, outcome):
    """What the last trial saw; modules that come late are imported before the application the next time."""
    seen = {}
    for _ in range(TRIALS):
        _, log, folder = stage.run("trial", BUILD / "work" / "unwanted.wasm", outcome.late)
        path = folder / "trial.marshal"
        data = path.read_bytes() if path.is_file() else b""
        if not data:
            show(log.partition("\nStack backtrace:")[0])
            raise BuildFailed("the trial import of the application ended without a result")
        seen = marshal.loads(data)
        fresh = [name for name in seen["late"] if name not in outcome.late]
        outcome.late += fresh
        if not fresh or seen["error"] or seen["refused"]:
            break
    return seen


def reasons(seen, lane):
    """Why the application cannot be part of the snapshot; empty where it can."""
    found = [
        f"{where}: {what}" + (f" ({through})" if through else "") for what, where, through in seen["refused"]
    ]
    error = seen["error"]
    if error:
        text = f"{error['where']}: " if error["where"] else ""
        text += f"its import raises {error['text']}"
        missing = [n for n, _ in seen["reads"] if n in lane.get("at_start", [])]
        if missing:
            text += f" without {', '.join(missing)}, which come at start and are no part of a build"
        found.append(text)
    return found


def refused(outcome):
    if outcome.mode == "always":
        show("\n".join(outcome.reasons))
        raise BuildFailed(
            "--snapshot-app always: the application cannot be part of the snapshot, see above;"
            " mend that, or use --snapshot-app auto"
        )
    note("WARNING: the application is not part of the snapshot; each fresh instance imports it at its first")
    note("request, which takes longer. What its import does differs from instance to instance:")
    for reason in outcome.reasons:
        note(f"  {reason}")
    outcome.late = []
    return outcome


def say(seen, outcome):
    note("the application is part of the snapshot")
    if outcome.reads:
        names = ", ".join(f"{name} ({where})" for name, where in outcome.reads)
        note(f"its import reads: {names}; where a value differs from the build's it is imported anew")
    if seen["everything"]:
        note(f"its import asks for all variables ({seen['everything']}): any difference imports it anew")
    for name, where in outcome.delays:
        note(
            f"WARNING: {where} reads {name}, which is not known when the component is built: each fresh"
            " instance that is given it imports the application anew at its first request. Reading it when it"
            " is needed would spare that"
        )
    for what, module, through in seen["said"]:
        note(f"the import of the dependency {module} {what} ({through}): the same in all instances")
    for text in seen["lost"]:
        note(f"a change by the import that could not be taken back: {text}")
