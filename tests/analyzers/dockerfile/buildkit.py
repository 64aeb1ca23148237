"""BuildKit's own code, asked: builds the Go program of `oracle/` and puts questions to it in one batch."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ORACLE = Path(__file__).parent / "oracle"
BUILDKIT = "github.com/moby/buildkit"


def _go(*arguments: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(
        ["go", *arguments], cwd=ORACLE, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"go {' '.join(arguments)} failed:\n{done.stderr}"
    return done.stdout


class Oracle:
    """Answers as BuildKit would. `testfiles` is the folder of BuildKit's own parser tests."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("go"), "the Go toolchain is missing"
        self.program = folder / "oracle"
        _go("build", "-o", str(self.program), ".")
        module = Path(_go("list", "-m", "-f", "{{.Dir}}", BUILDKIT).strip())
        self.parser = module / "frontend" / "dockerfile" / "parser"

    def ask(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        text = "".join(json.dumps(q) + "\n" for q in questions)
        done = subprocess.run([self.program], input=text.encode(), capture_output=True, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        # BuildKit's lexer writes notes on bad UTF-8 to standard error, so only the exit code counts.
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        assert len(answers) == len(questions)
        return answers

    def split(self, files: list[bytes]) -> list[dict[str, Any]]:
        return self.ask([{"kind": "split", "data": base64.b64encode(f).decode()} for f in files])
