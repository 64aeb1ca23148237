"""
## What it says

A request changes something that the process keeps (a module's variable, list or dictionary, an
attribute of the application), and a later request can read it.

## Why

On WASI 0.2 every request gets a fresh instance of the component, made from the same snapshot. What
a request leaves in memory is gone before the next one arrives: a counter always says 1, a login
kept in a dictionary is forgotten. Reusing instances hides this for a while, but several instances
live side by side and each is dropped when it idles.

## How to mend

Keep the state where every instance sees it: a database, a key-value store, or the client (a signed
cookie). If it only saves work (a cache), nothing needs to change.

## What it cannot know

Whether the value matters: a list that is only ever appended to may be a log nobody reads. State
inside a library's own objects is seen only for the libraries that the reader knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Need, NeedKind, Reach, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="memory-state",
    title="State kept in memory is lost between requests",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.STATE),),
    remedy="Keep it in a database, a key-value store or a signed cookie.",
    effort=(0.5, 3),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.MEMORY_STATE):
        if found.reach is Reach.IMPORT:
            continue  # made anew with each instance, so every request sees the same
        sure = found.confidence if found.reach is Reach.REQUEST else Confidence.LOW
        yield RULE.finding(
            f"{found.subject} is changed by requests and read by later ones; a fresh instance lacks it.",
            found.evidence,
            confidence=sure,
        )


CASES = (
    bad("a counter in a module", service(fact(FactKind.MEMORY_STATE, "app.hits", "app.py:7")), "app.py:7"),
    bad(
        "a dictionary of sessions",
        {
            "Dockerfile": "FROM python:3.14\nWORKDIR /app\nRUN pip install flask gunicorn\nCOPY . .\n"
            'CMD ["gunicorn", "app:app"]\n',
            "requirements.txt": "flask==3.1.3\n",
            "app.py": "from flask import Flask\n\napp = Flask(__name__)\nseen = {}\n\n\n"
            "@app.get('/<name>')\ndef hello(name):\n"
            "    seen[name] = seen.get(name, 0) + 1\n    return str(seen[name])\n",
        },
        "app.py:9",
    ),
    good(
        "a table filled while importing",
        service(fact(FactKind.MEMORY_STATE, "app.table", reach=Reach.IMPORT)),
    ),
    good(
        "a constant that requests only read",
        {
            "Dockerfile": 'FROM python:3.14\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "app:app"]\n',
            "requirements.txt": "flask==3.1.3\n",
            "app.py": "from flask import Flask\n\napp = Flask(__name__)\nprices = {'a': 1}\n\n\n"
            "@app.get('/<name>')\ndef hello(name):\n    return str(prices.get(name))\n",
        },
    ),
)
