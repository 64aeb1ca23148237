"""compose-go, asked: builds the Go program of `compose_oracle/`, and puts our answers into its form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from analyzers import compose
from analyzers.compose import ComposeService
from analyzers.model import Command, Healthcheck
from analyzers.repository import open_tree

ORACLE = Path(__file__).parent / "compose_oracle"
COMPOSE_GO = "github.com/compose-spec/compose-go/v2"


def _go(*arguments: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(
        ["go", *arguments], cwd=ORACLE, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"go {' '.join(arguments)} failed:\n{done.stderr}"
    return done.stdout


class Oracle:
    """Answers as compose-go would. `testdata` are the folders of its own tests."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("go"), "the Go toolchain is missing"
        self.program = folder / "oracle"
        _go("build", "-o", str(self.program), ".")
        self.module = Path(_go("list", "-m", "-f", "{{.Dir}}", COMPOSE_GO).strip())

    def ask(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        text = "".join(json.dumps(q) + "\n" for q in questions)
        environment = {"PATH": os.environ["PATH"], "HOME": "/home/nobody"}
        done = subprocess.run(
            [self.program], input=text.encode(), capture_output=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(questions)
        return answers

    def projects(self, folders: list[Path]) -> list[dict[str, Any]]:
        """Each folder's project, as `docker compose up` finds it."""
        return self.ask([{"kind": "project", "folder": str(folder)} for folder in folders])


def theirs(answer: dict[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """The services of compose-go's answer, paths seen from the repository's root, lists never null."""
    prefix = str(root.resolve())

    def inside(path: str) -> str:
        if path == prefix:
            return "."
        if path.startswith(str(root.resolve().parent) + "/"):  # else an absolute path, as it was written
            seen = os.path.relpath(path, prefix)
            return seen if seen.startswith("..") else f"./{seen}"
        return path

    found = {}
    for name, said in (answer.get("services") or {}).items():
        one = {key: value or ([] if isinstance(value, list) else value) for key, value in said.items()}
        one["context"] = inside(said["context"])
        one["contexts"] = {k: inside(v) for k, v in (said["contexts"] or {}).items()}
        one["args"] = said["args"] or {}
        volumes = []
        for text in said["volumes"] or []:
            kind, source, target, read_only = text.split(" ")
            volumes.append(["tmpfs" if kind == "tmpfs" else inside(source), target, read_only == "true"])
        one["volumes"] = volumes + [["tmpfs", t.partition(":")[0], False] for t in said["tmpfs"] or []]
        exposed = [text if "/" in text else f"{text}/tcp" for text in said["expose"] or []]
        one["ports"] = (said["ports"] or []) + exposed
        for kind, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
            pairs = [text.split(" ") for text in said[kind] or []]
            one[kind] = [[s, t if t.startswith("/") else folder + (t or s)] for s, t in pairs]
        if said["network_mode"] != "host":  # others are seen in `depends_on` only
            one["network_mode"] = ""
        for gone in ("tmpfs", "expose"):
            del one[gone]
        if not said["dockerfile"] and said["inline"]:
            one["dockerfile"] = "Dockerfile"
        found[name] = {key: [] if value is None else value for key, value in one.items()}
    return found


def ours(root: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """The services of the root's project in the form of `theirs`, and all that could not be read."""
    tree = open_tree(root)
    model = compose.read(tree)
    services = [one for one in model.services if one.folder == ""]
    trouble = [f"{item.path}: {item.reason}" for item in tree.not_read]
    trouble += [unknown.what for service in services for unknown in service.unknown]
    return {one.name: _form(one) for one in services}, "\n".join(trouble)


def _form(service: ComposeService) -> dict[str, Any]:
    facts, build = service.facts, service.build
    return {
        "image": service.image or "",
        "context": (_dotted(build.context) if build.context is not None else build.context_text)
        if build
        else "",
        "dockerfile": build.dockerfile if build else "",
        "inline": (build.inline or "").lstrip("\n") if build else "",
        "target": (build.target or "") if build else "",
        "args": {k: v for k, v in build.args if v is not None} if build else {},
        "contexts": dict(build.additional_contexts) if build else {},
        "command": _words(facts.command),
        "entrypoint": _words(facts.entrypoint),
        "environment": {one.name: one.value for one in facts.environment if one.value is not None},
        "ports": [f"{port.number}/{port.protocol}" for port in facts.ports],
        "volumes": [[source, target, read_only] for source, target, read_only, _ in facts.volumes],
        "depends_on": sorted(facts.depends_on),
        "networks": sorted(name for name in facts.networks if name != "default"),
        "cap_add": [w.removeprefix("cap_add ") for w, _ in facts.privileges if w.startswith("cap_add ")],
        "devices": [w.removeprefix("devices ") for w, _ in facts.privileges if w.startswith("devices /")],
        "security_opt": [text for text, _ in facts.security_opt],
        "secrets": [[one.name, one.target] for one in facts.secrets],
        "configs": [[one.name, one.target] for one in facts.configs],
        "healthcheck": _test(facts.healthcheck),
        "profiles": list(service.profiles),
        "privileged": any(word == "privileged" for word, _ in facts.privileges),
        "network_mode": "host" if any(word == "network host" for word, _ in facts.privileges) else "",
        "user": facts.user or "",
        "working_dir": facts.working_dir or "",
        "gpu": bool(facts.gpu),
    }


def _dotted(context: str) -> str:
    return f"./{context}" if context else "."


def _words(command: Command | None) -> list[str]:
    return list(command.argv) if command else []


def _test(check: Healthcheck | None) -> list[str]:
    if check is None:
        return []
    if not check.command:
        return ["NONE"]
    return ["CMD-SHELL" if check.shell else "CMD", *check.command]
