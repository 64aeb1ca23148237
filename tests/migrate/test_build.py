from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrate import build as module
from migrate import lanes, toolchains
from migrate.build import application_files, build, content_key, out_of_date
from migrate.build import cache_folder as folder_of_cache
from migrate.convert import render
from migrate.errors import BuildError, ComponentError, DiskError, OutputError, ToolMissingError
from migrate.plan import make_plan
from migrate.progress import Silent
from migrate.tree import load, write
from tests import components
from tests.migrate import made

pytestmark = pytest.mark.usefixtures("small_lane")

DOCKERFILE = """FROM python:3.14-slim
WORKDIR /app
COPY app.py templates ./
CMD ["gunicorn", "app:app"]
"""


def cache_folder() -> Path:
    found = folder_of_cache()
    assert found is not None
    return found


class Told:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[str, bool]] = []

    def note(self, text: str) -> None:
        self.notes.append(text.strip())

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        done = False
        try:
            yield
            done = True
        finally:
            self.steps.append((text, done))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generated tree in a repository, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "api"
    (root / "templates").mkdir(parents=True)
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "app.py").write_text("def app(environ, start_response): ...\n")
    files = (("app.py", "/app/app.py"),)
    one = made.assessed(made.service(files=files), grants=[made.env("A", "1")])
    plan = make_plan(made.assessment(root, one), None)
    write(plan.output, render(plan))
    return plan.output


def runs(tree: Path) -> int:
    file = tree / "build/runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def script(tree: Path, text: str) -> None:
    (tree / "build.sh").write_text(f"#!/bin/sh\nset -eu\n{text}")


# --- building ------------------------------------------------------------------------------


def test_a_build(tree: Path) -> None:
    told = Told()
    lines: list[str] = []
    result = build(tree, progress=told, on_line=lines.append)
    assert result.component.path == tree / "build/api.wasm"
    assert result.component.exports == ("wasi:http/incoming-handler@0.2.0",)
    assert not result.cached
    assert told.steps == [("build api", True), ("first", True), ("second", True)]
    assert "==> second" in lines
    python = toolchains.find("python").path
    assert result.log.read_text().splitlines() == ["==> first", f"  something  with {python}", "==> second"]


def test_offline_reaches_the_script(tree: Path) -> None:
    assert "  something --offline" in build(tree, progress=Silent(), offline=True).log.read_text()


def test_the_same_inputs_are_built_once(tree: Path) -> None:
    first = build(tree, progress=Silent())
    second = build(tree, progress=Silent())
    assert (first.cached, second.cached, runs(tree)) == (False, True, 1)
    assert second.component == first.component


def test_another_checkout_takes_the_component_from_the_cache(tree: Path) -> None:
    first = build(tree, progress=Silent())
    shutil.rmtree(tree / "build")
    told = Told()
    again = build(tree, progress=told)
    assert again.cached
    assert again.component.sha256 == first.component.sha256
    assert told.notes == [f"taken from {cache_folder()}"]
    assert runs(tree) == 0


def test_a_component_that_was_touched_is_not_trusted(tree: Path) -> None:
    build(tree, progress=Silent())
    made_component = tree / "build/api.wasm"
    made_component.write_bytes(made_component.read_bytes() + b"\0\x02\x01a")
    shutil.rmtree(cache_folder())
    assert not build(tree, progress=Silent()).cached
    assert runs(tree) == 2


def test_a_component_of_files_that_changed_meanwhile_is_not_kept(tree: Path) -> None:
    text = (tree / "build.sh").read_text()
    (tree / "build.sh").write_text(f"{text}\necho '# edited' >>../../app.py\n")
    told = Told()
    build(tree, progress=told)
    assert any("changed while the build ran" in note for note in told.notes)
    assert not list(cache_folder().glob("*.wasm"))


def test_a_damaged_cache_is_not_trusted(tree: Path) -> None:
    build(tree, progress=Silent())
    shutil.rmtree(tree / "build")
    (kept,) = cache_folder().glob("*.wasm")
    kept.write_bytes(components.compiled(components.NOT_HTTP))
    assert not build(tree, progress=Silent()).cached


@pytest.mark.parametrize("path", ["app.py", "wasm/api/lane.json", "wasm/api/build.sh", "Dockerfile"])
def test_a_changed_input_is_built_anew(tree: Path, path: str) -> None:
    build(tree, progress=Silent())
    file = tree.parents[1] / path
    file.write_bytes(file.read_bytes() + b"\n")
    assert not build(tree, progress=Silent()).cached


@pytest.mark.parametrize("path", ["README.md", "spin.toml", "run.sh"])
def test_what_is_no_input_changes_nothing(tree: Path, path: str) -> None:
    build(tree, progress=Silent())
    (tree / path).write_text("edited")
    assert build(tree, progress=Silent()).cached


def test_another_toolchain_is_another_component(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provenance, root = load(tree), tree.parents[1]
    before = content_key(tree, provenance, root)
    assert content_key(tree, provenance, root) == before
    found = toolchains.find("python")
    monkeypatch.setattr(
        toolchains, "find", lambda name: toolchains.Program(name, found.path, "9.9.9", found.origin)
    )
    assert content_key(tree, provenance, root) != before


def test_a_missing_toolchain_is_named_before_anything_runs(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCK2WASM_PYTHON", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissingError, match="python"):
        build(tree, progress=Silent())
    assert runs(tree) == 0


def test_a_cache_that_cannot_be_written_does_not_fail_the_build(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tree.parents[1] / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    told = Told()
    assert not build(tree, progress=told).cached
    assert any(note.startswith("not kept in") for note in told.notes)
    assert build(tree, progress=told).cached


def test_the_cache_holds_the_newest_components_only(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    for number in range(3):
        (tree.parents[1] / "app.py").write_text(str(number))
        build(tree, progress=Silent())
        for file in cache_folder().iterdir():
            os.utime(file, (file.stat().st_atime - 10, file.stat().st_mtime - 10))
    assert len(list(cache_folder().glob("*.wasm"))) == 2
    assert len(list(cache_folder().glob("*.sha256"))) == 2


def test_without_a_home_nothing_is_kept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert folder_of_cache() is None
    assert not build(tree, progress=Silent()).cached
    assert build(tree, progress=Silent()).cached


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert folder_of_cache() == Path.home() / ".cache/dock2wasm/components"


# --- failing -------------------------------------------------------------------------------


def test_a_failing_build_is_explained_with_the_end_of_its_log(tree: Path) -> None:
    build(tree, progress=Silent())
    script(
        tree, "echo '==> dependencies'; echo \"No module named 'x'\"; printf '\\033[31mred\\007\\n'; exit 3\n"
    )
    told = Told()
    with pytest.raises(BuildError, match=r"The build of api failed \(exit code 3\)") as caught:
        build(tree, progress=told)
    assert "missing-module: missing-module speaks against it (app.py:7)" in caught.value.why
    assert f"The log ({tree / 'build/build.log'}) ends:" in caught.value.why
    assert "No module named 'x'\n    red" in caught.value.why
    assert "\033" not in str(caught.value)
    assert caught.value.do == "mend it"
    assert told.steps == [("build api", True), ("dependencies", False)]
    assert not (tree / "build/api.wasm").exists(), "an old component must not pass for the new one"


def test_a_native_backtrace_does_not_hide_the_error(tree: Path) -> None:
    log = """error: the snapshot failed
    Traceback (most recent call last):
      File "/usr/local/lib/python3.14/site-packages/rpds/__init__.py", line 1, in <module>
    ModuleNotFoundError: No module named 'rpds.rpds'

    Stack backtrace:
       0: <anyhow::Error>::msg::<alloc::string::String>
      19: Py_RunMain
                 at ./csu/../sysdeps/nptl/libc_start_call_main.h:58:16

      23: _start
    12 files left
"""
    script(tree, f"cat <<'END'\n{log}END\nexit 1\n")
    with pytest.raises(BuildError) as caught:
        build(tree, progress=Silent())
    told = [line.strip() for line in caught.value.why.splitlines() if line.strip()]
    assert told[-2:] == ["ModuleNotFoundError: No module named 'rpds.rpds'", "12 files left"]
    assert "_start" in (tree / "build/build.log").read_text(), "the log keeps all"


def test_a_build_that_filled_the_disk(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tree, "echo cryptic; exit 1\n")
    usage = shutil.disk_usage(tree)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    with pytest.raises(DiskError, match=r"the disk that holds .* is full"):
        build(tree, progress=Silent())


def test_a_failure_that_nobody_can_explain(tree: Path) -> None:
    script(tree, "exit 1\n")
    with pytest.raises(BuildError) as caught:
        build(tree, progress=Silent())
    assert "is empty" in caught.value.why
    assert caught.value.do == "Read the log."


def test_a_build_that_is_killed_says_by_what(tree: Path) -> None:
    script(tree, "kill -9 $$\n")
    with pytest.raises(BuildError, match="ended by signal 9"):
        build(tree, progress=Silent())


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_temporary_files_do_not_stay(tree: Path, end: str) -> None:
    (tree / "build/tmp").mkdir(parents=True)
    (tree / "build/tmp/of-a-run-that-was-killed").touch()
    script(tree, f'ls "$TMPDIR" >seen; touch "$TMPDIR/half-written"; {end}\n')
    with pytest.raises(BuildError):
        build(tree, progress=Silent())
    assert (tree / "seen").read_text() == ""
    assert not (tree / "build/tmp").exists()


def test_a_build_without_a_component(tree: Path) -> None:
    script(tree, "exit 0\n")
    with pytest.raises(ComponentError, match=r"without api\.wasm"):
        build(tree, progress=Silent())


@pytest.mark.parametrize(
    ("text", "said"),
    [(components.NOT_HTTP, "no handler"), ("(module)", "core module")],
)
def test_a_build_of_something_else(tree: Path, text: str, said: str) -> None:
    components.write(tree / "adapter/other.wasm", text)
    script(tree, "cp adapter/other.wasm build/api.wasm\n")
    with pytest.raises(ComponentError) as caught:
        build(tree, progress=Silent())
    assert said in str(caught.value)
    assert not (tree / "build/api.wasm").exists()
    assert not list(cache_folder().glob("*.wasm"))


def test_imports_that_the_lane_does_not_declare(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes.lane("python"), "IMPORTS", frozenset({"wasi:http/types"}))
    with pytest.raises(ComponentError, match="wasi:cli/environment"):
        build(tree, progress=Silent())
    assert not (tree / "build/api.wasm").exists()


def test_what_the_component_imports_and_was_not_granted_is_shown(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfaces = lanes.lane("python").IMPORTS | {"wasi:sockets/tcp"}
    monkeypatch.setattr(lanes.lane("python"), "IMPORTS", interfaces)
    text = components.COUNTER.replace(
        "(component\n", '(component (import "wasi:sockets/tcp@0.2.0" (instance))', 1
    )
    components.write(tree / "adapter/component.wasm", text)
    told = Told()
    build(tree, progress=told)
    assert told.notes == ["imported but not granted: wasi:sockets (opening sockets)"]


def test_ctrl_c_leaves_no_component(tree: Path) -> None:
    script(tree, "echo half >build/api.wasm; echo ready; sleep 60\n")

    def stop(line: str) -> None:
        if line == "ready":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tree, progress=Silent(), on_line=stop)
    assert not (tree / "build/api.wasm").exists()


def test_two_builds_of_one_tree_do_not_meet(tree: Path) -> None:
    def again(line: str) -> None:
        if line == "==> first":
            with pytest.raises(BuildError, match="Another build of api is running"):
                build(tree, progress=Silent())

    assert not build(tree, progress=Silent(), on_line=again).cached


def test_a_build_folder_that_leads_elsewhere(tree: Path, tmp_path: Path) -> None:
    (tree / "build").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="symbolic link"):
        build(tree, progress=Silent())


def test_a_build_folder_that_cannot_be_made(tree: Path) -> None:
    (tree / "build").write_text("in the way")
    with pytest.raises(DiskError, match="cannot be made"):
        build(tree, progress=Silent())


def test_a_tree_without_its_script(tree: Path) -> None:
    (tree / "build.sh").unlink()
    with pytest.raises(OutputError, match=r"build\.sh"):
        build(tree, progress=Silent())


# --- the list of files ---------------------------------------------------------------------


def test_a_listed_file_that_is_gone(tree: Path) -> None:
    (tree.parents[1] / "app.py").unlink()
    with pytest.raises(OutputError, match=r"app\.py cannot be read") as caught:
        build(tree, progress=Silent())
    assert "convert again" in caught.value.do


def test_a_listed_file_that_leads_out_of_the_repository(tree: Path) -> None:
    (tree.parents[1] / "app.py").unlink()
    (tree.parents[1] / "app.py").symlink_to("/etc/hostname")
    with pytest.raises(OutputError, match="leads out of"):
        build(tree, progress=Silent())


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "[]",
        '{"files": 1}',
        '{"files": [1]}',
        '{"files": [{"source": "a"}]}',
        '{"files": [{"source": "../a", "guest": "/a"}]}',
        '{"files": [{"source": "/a", "guest": "/a"}]}',
        '{"files": [{"source": "a", "guest": "a"}]}',
        '{"files": [{"source": 1, "guest": "/a"}]}',
        "[" * 100_000,
    ],
)
def test_a_malformed_list_of_files(tree: Path, data: str) -> None:
    (tree / "files.json").write_text(data)
    with pytest.raises(OutputError, match=r"files\.json"):
        application_files(tree)


def test_a_missing_list_of_files(tree: Path) -> None:
    (tree / "files.json").unlink()
    with pytest.raises(OutputError, match=r"files\.json cannot be read"):
        application_files(tree)


def test_a_tree_that_fits_its_repository(tree: Path) -> None:
    assert out_of_date(tree, load(tree), tree.parents[1]) == ()


def test_files_that_came_and_went_are_noted(tree: Path) -> None:
    root = tree.parents[1]
    (root / "templates/new.html").write_text("new")
    told = Told()
    build(tree, progress=told)
    assert told.notes == ["new since convert: templates/new.html: run convert again"]


def test_a_changed_dockerfile_is_noted(tree: Path) -> None:
    root = tree.parents[1]
    (root / "Dockerfile").write_text(DOCKERFILE + "ENV A=2\n")
    assert out_of_date(tree, load(tree), root) == ("Dockerfile changed since convert: run convert again",)


def test_the_list_is_json_that_others_read(tree: Path) -> None:
    assert json.loads((tree / "files.json").read_text())["files"] == [
        {"source": "app.py", "guest": "/app/app.py"}
    ]
