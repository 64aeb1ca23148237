"""
## What it says

A request writes files on the local disk.

## Why

The component sees its files read-only, or as a throw-away copy that ends with the request. What was
uploaded or written is not there for the next request, and no other copy of the service ever sees
it.

## How to mend

Put files into an object store through HTTP, or data into a database. A folder that the target
mounts writable (wasmtime's `--dir`) works too where the lane is proven for it.

## What it cannot know

Whether a file that is written is ever read again. Temporary files, which only the request that made
them reads, have no effect on the verdict; a fixed path below /tmp counts as a file that a later
request may look for.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import (
    Confidence,
    Effect,
    Fact,
    FactKind,
    Finding,
    Need,
    NeedKind,
    Reach,
    Service,
    Severity,
)
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.rules.log_file import is_log

RULE = Rule(
    id="local-write",
    title="Files are written to the local disk",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.WRITE),),
    remedy="Use an object store or a database, or mount a writable folder where the target can.",
    effort=(1, 4),
)

_TEMPORARY = (
    "tempfile", "TemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp",
    "CreateTemp", "MkdirTemp", "TempFile", "TempDir",
)  # fmt: skip
_SINKS = ("/dev/stdout", "/dev/stderr", "/dev/null", "/proc/self/fd/")


def is_temporary(one: Fact) -> bool:
    """Whether a written file serves only the request that writes it."""
    return any(word in one.subject for word in _TEMPORARY)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.FILE_WRITE):
        if found.subject.startswith(_SINKS) or (is_log(found) and found.reach is not Reach.IMPORT):
            continue  # log-file says more
        if is_temporary(found):
            yield RULE.finding(
                f"{found.subject}: temporary files live in the memory of the instance.",
                found.evidence,
                effect=Effect.NONE,
                remedy="Nothing must change; large files cost memory.",
            )
        elif found.reach is Reach.IMPORT:
            yield RULE.finding(
                f"{found.subject} is written at start; each instance writes its own and drops it.",
                found.evidence,
                effect=Effect.NONE,
                severity=Severity.MINOR,
                remedy="Log to the standard streams; create folders in the Dockerfile.",
            )
        else:
            sure = found.confidence if found.reach is Reach.REQUEST else Confidence.LOW
            verb = "is" if found.reach is Reach.REQUEST else "may be"
            yield RULE.finding(
                f"{found.subject} {verb} written by a request; the component keeps no file after it.",
                found.evidence,
                confidence=sure,
            )


CASES = (
    bad(
        "a temporary file in Go",
        service(fact(FactKind.FILE_WRITE, "os.CreateTemp", "main.go:9"), language="go"),
        "main.go:9",
        effect=Effect.NONE,
    ),
    bad(
        "an upload of Flask",
        flask(
            "@app.post('/')\ndef upload():\n    request.files['f'].save('uploads/last')\n    return 'ok'\n"
        ),
        "app.py:9",
        effect=Effect.REFACTOR,
    ),
    bad("an upload is saved", service(fact(FactKind.FILE_WRITE, "uploads/x", "app.py:12")), "app.py:12"),
    bad(
        "a fixed path in /tmp",
        service(fact(FactKind.FILE_WRITE, "/tmp/last.json")),  # noqa: S108 (a path to judge, not to use)
        "app.py:10",
        effect=Effect.REFACTOR,
    ),
    bad(
        "a temporary file",
        service(fact(FactKind.FILE_WRITE, "tempfile.NamedTemporaryFile()")),
        "app.py:10",
        effect=Effect.NONE,
    ),
    bad(
        "a folder made at start",
        service(fact(FactKind.FILE_WRITE, "logs", reach=Reach.IMPORT)),
        "app.py:10",
        effect=Effect.NONE,
    ),
    good("files are only read", service(fact(FactKind.FILE_READ, "prices.json"))),
    good("a log is another rule", service(fact(FactKind.FILE_WRITE, "/var/log/shop.log"))),
    good("the standard streams", service(fact(FactKind.FILE_WRITE, "/dev/stdout"))),
)
