"""
## What it says

The service starts other programs.

## Why

WebAssembly has no processes: `fork`, `exec` and `subprocess` fail. No target gives them. A service
whose requests are answered by another program (ffmpeg, git, a browser) belongs in a container.

## How to mend

Use a library instead of the program, do the work in another service that stays in a container, or
do it at build time.

## What it cannot know

Whether the program is the point of the service or a detail of one route. When requests surely start
programs, the verdict is `keep`; where it happens only at start, or reading is not sure, it is
`refactor`.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, Evidence, Fact, FactKind, Finding, Reach, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="subprocess",
    title="Other programs are started",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=65,
    remedy="Use a library, or leave the part that starts programs in a container of its own.",
    effort=(2, 10),
)


def check(service: Service) -> Iterator[Finding]:
    facts = service.facts(FactKind.SUBPROCESS)
    sure = [one for one in facts if one.reach is Reach.REQUEST and one.confidence is not Confidence.LOW]
    rest = [one for one in facts if one not in sure]
    if sure:
        yield RULE.finding(f"Requests start {_programs(sure)}; a component cannot.", _evidence(sure))
    if rest:
        yield RULE.finding(
            f"Starts {_programs(rest)}; a component cannot.",
            _evidence(rest),
            effect=Effect.REFACTOR,
            severity=Severity.MAJOR,
            weight=30,
            confidence=Confidence.MEDIUM,
            remedy="Do it at build time or in a job of its own, or use a library.",
        )


def _programs(facts: list[Fact]) -> str:
    names = dict.fromkeys(one.detail or one.subject for one in facts)
    return ", ".join(names)


def _evidence(facts: list[Fact]) -> list[Evidence]:
    return [evidence for one in facts for evidence in one.evidence]


CASES = (
    bad(
        "git in a request",
        flask(
            "import subprocess\n\n@app.get('/')\ndef home():\n"
            "    return subprocess.check_output(['git', 'log'])\n"
        ),
        "app.py:11",
        effect=Effect.KEEP,
    ),
    bad(
        "ffmpeg in a request",
        service(fact(FactKind.SUBPROCESS, "subprocess.run", detail="ffmpeg")),
        "app.py:10",
        effect=Effect.KEEP,
    ),
    bad(
        "git at start",
        service(fact(FactKind.SUBPROCESS, "subprocess.check_output", detail="git", reach=Reach.IMPORT)),
        "app.py:10",
        effect=Effect.REFACTOR,
    ),
    good("threads are not processes", service(fact(FactKind.THREAD, "threading.Thread"))),
)
