"""What the build's tools share. Standard library only; runs on Python 3.9 and later."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
BUILD = TREE / "build"
SITE_PACKAGES = "/usr/local/lib/python3.14/site-packages"
STDLIB = "/usr/local/lib/python3.14"


class BuildFailed(Exception):
    """The build cannot go on; the text says why and what to do."""


def settings():
    """lane.json, checked for what the tools need."""
    path = TREE / "lane.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildFailed(f"{path.name} cannot be read: {error}") from None
    for key in ("service", "entry", "interface", "workdir", "sys_path"):
        if key not in found:
            raise BuildFailed(f"{path.name} has no {key!r}")
    if not (TREE / "adapter" / "dock2wasm_adapter" / f"{found['interface'].replace('.', '_')}.py").is_file():
        raise BuildFailed(f"the interface {found['interface']!r} is not built by this lane")
    if found.get("snapshot_app", "never") not in ("never", "auto", "always"):
        raise BuildFailed(f"snapshot_app is {found['snapshot_app']!r}, not never, auto or always")
    return found


def note(text):
    print(f"    {text}", flush=True)


def run(argv, *, env=None, cwd=None, allow_failure=False, quiet=False):
    """Run a program; its output is shown unless quiet. Returns (exit status, output)."""
    process = subprocess.Popen(
        [str(a) for a in argv],
        cwd=None if cwd is None else str(cwd),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if not quiet:
            sys.stdout.write("    " + line)
            sys.stdout.flush()
    status = process.wait()
    if status and not allow_failure:
        if quiet:
            show("".join(lines))
        raise BuildFailed(f"{Path(str(argv[0])).name} ended with status {status}")
    return status, "".join(lines)


def show(output):
    """Show a program's output, indented like all that belongs to a phase."""
    sys.stdout.writelines(f"    {line}\n" for line in output.splitlines())
    sys.stdout.flush()


def digest(*parts):
    """SHA-256 over files and texts, as hexadecimal."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dock2wasm" / "python"


def main(function):
    """Run a tool's main function; a failure is one clear text on standard error and status 1."""
    try:
        function()
    except BuildFailed as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
