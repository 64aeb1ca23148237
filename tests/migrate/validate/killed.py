"""One validation with containers and neighbours, in a process of its own: what the tests of kills kill.

    python killed.py REPOSITORY

The candidate is a service in this process, so that no Wasm needs to be built. Says `ready` before it begins.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from analyzers.inventory import read
from migrate.errors import Dock2wasmError
from migrate.model import Component
from migrate.processes import signals_raise
from migrate.progress import Silent
from migrate.validate import ValidateOptions, course, engine, neighbours, run
from tests.migrate import made
from tests.migrate.validate.pair import FakeRuntime


def options(repository: Path) -> ValidateOptions:
    """Those of the repository that `test_kills` writes."""
    tree = repository / "wasm" / "web"
    services = read(repository).services
    web = next(one for one in services if one.name == "web")
    return ValidateOptions(
        repository=repository,
        tree=tree,
        assessment=replace(made.assessed(), service=web),
        component=Component(tree / "build" / "web.wasm", "2" * 64, "http", "0.2", (), ()),
        runtime="fake",
        record=True,
        measure=False,
        neighbours=neighbours.of(web, services),
    )


def main() -> int:
    setattr(course, "runtime_named", lambda _: FakeRuntime())  # noqa: B010 - it stands for wasmtime
    chosen = options(Path(sys.argv[1]))
    print(engine.owner(), flush=True)
    try:
        with signals_raise():
            run(chosen, Silent())
    except Dock2wasmError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
