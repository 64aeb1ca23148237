"""Runs code with the in-memory files installed: in a process of its own, for they replace parts of `os`."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from tests.templates.lanes.python.wasi import ADAPTER

_SETUP = """
import sys
sys.path.insert(0, {adapter!r})
import json
from dock2wasm_adapter import files, modules, gaps, threads
tree = files.Tree()
for path, data in {contents!r}.items():
    tree.add(path, data, 0o644, 1_700_000_000_500_000_000)
tree.add("/site/lib/__init__.py", None, size=77)
tree.cwd = "/app"
tree.add_folder("/app")
# This Python's own modules are real, as a mounted folder is.
tree.mount([sys.base_prefix, {adapter!r}])
system = files.FileSystem(tree)
system.install()
def result(value):
    system.uninstall()
    print(json.dumps(value))
"""

CONTENTS = {
    "/app/main.py": b"VALUE = 1\n",
    "/app/data/a.txt": "gr\u00fc\u00df\nzwei\n".encode(),
    "/app/data/b.bin": bytes(range(256)),
    "/app/templates/page.html": b"<p>",
}


def run(code: str, *, fails: bool = False):
    """The value that the code hands to `result()`; with `fails`, its standard error."""
    setup = _SETUP.format(adapter=str(ADAPTER), contents=CONTENTS)
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", setup + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    if fails:
        assert done.returncode != 0
        return done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
