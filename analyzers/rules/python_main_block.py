"""
## What it says

The container starts a script whose `if __name__ == "__main__":` block does more than start the
server: it sets what views read, fills a database, loads a model, registers routes.

## Why

The adapter takes the place of the script's server. It imports the module and calls its application,
as gunicorn would, and the block never runs. What it sets up is missing, and so is what its command
line options would choose.

## How to mend

Move these statements to module level or into an application factory, and read settings from the
environment. Only the call that starts the server stays in the block. The service then runs on any
WSGI server as well.

## What it cannot know

Whether a later request depends on what a call in the block does. Calls that only start the server,
read options or write to the log do not count; own functions are followed, libraries are not.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Reach, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="python-main-block",
    title="The start script sets things up that an import does not",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    remedy="Move it to module level or into an application factory; only starting the server stays.",
    effort=(0.25, 1),
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.MAIN_BLOCK)
    if found:
        shown = [one.subject for one in found[:3]]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield RULE.finding(
            f"Only the script itself runs this, and the adapter imports it: {'; '.join(shown)}{more}.",
            (evidence for one in found for evidence in one.evidence),
        )


def _script(head: str, block: str) -> dict[str, str]:
    return {
        "Dockerfile": 'FROM python:3.14\nWORKDIR /app\nCOPY . .\nCMD ["python", "app.py"]\n',
        "requirements.txt": "flask==3.1.3\n",
        "app.py": f"import os\nfrom flask import Flask\n\napp = Flask(__name__)\n{head}\n\n"
        f'if __name__ == "__main__":\n{block}',
    }


_VIEW = "COLOR = 'red'\n\n\n@app.get('/')\ndef hello():\n    return COLOR\n"

CASES = (
    bad(
        "a call that fills the database",
        service(fact(FactKind.MAIN_BLOCK, "init_db()", "app.py:30", reach=Reach.IMPORT)),
        "app.py:30",
        effect=Effect.REFACTOR,
    ),
    bad(
        "a variable that a view reads",
        _script(_VIEW, "    COLOR = os.environ.get('APP_COLOR', 'red')\n    app.run()\n"),
        "app.py:14",
    ),
    good(
        "the server's port",
        _script(_VIEW, "    port = int(os.environ.get('PORT', '5000'))\n    app.run(port=port)\n"),
    ),
)
