from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate import tree
from migrate.errors import DiskError, OutputError
from migrate.model import Excluded, GeneratedFile
from migrate.plan import make_plan
from migrate.provenance import PROVENANCE, HashedFile, Provenance, from_bytes, to_bytes
from migrate.tree import Changes, load, sha256, write
from tests.migrate import made

REPOSITORY = "../.."


def provenance(*files: GeneratedFile, repository: str = REPOSITORY) -> Provenance:
    return Provenance(
        tool_version="0.1.0",
        service="api",
        lane="python",
        entry="app:app",
        targets=("spin", "wasmtime"),
        kind="http",
        wasi="0.2",
        repository=repository,
        dockerfile="Dockerfile",
        port=8000,
        snapshot_app="never",
        promise=True,
        accepted=(),
        grants=(made.env("GREETING", "hé"), made.secret("KEY"), made.outbound("https", "a.example", 443)),
        inputs=(HashedFile("Dockerfile", "0" * 64),),
        files=tuple(HashedFile(file.path, sha256(file.content)) for file in files),
    )


def generated(*files: GeneratedFile, repository: str = REPOSITORY) -> tuple[GeneratedFile, ...]:
    return (*files, GeneratedFile(PROVENANCE, to_bytes(provenance(*files, repository=repository))))


def text(path: str, content: str = "generated\n", *, executable: bool = False) -> GeneratedFile:
    return GeneratedFile(path, content.encode(), executable)


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "wasm" / "api"


FIRST = generated(
    text("build.sh", "#!/bin/sh\n", executable=True), text("adapter/main.py"), text("old/gone.txt")
)


def names(changes: Changes) -> dict[str, list[str]]:
    return {
        kind: [change.path for change in getattr(changes, kind)] for kind in ("created", "updated", "removed")
    }


# --- writing -------------------------------------------------------------------------------


def test_a_new_tree(output: Path) -> None:
    changes = write(output, FIRST)
    assert names(changes) == {
        "created": ["adapter/main.py", "build.sh", PROVENANCE, "old/gone.txt"],
        "updated": [],
        "removed": [],
    }
    assert (output / "adapter/main.py").read_text() == "generated\n"
    assert (output / "build.sh").stat().st_mode & stat.S_IXUSR
    assert not (output / "adapter/main.py").stat().st_mode & stat.S_IXUSR
    assert [p.name for p in output.parent.iterdir()] == ["api"]


def test_running_twice_changes_nothing(output: Path) -> None:
    write(output, FIRST)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    changes = write(output, FIRST)
    assert not changes
    assert len(changes.unchanged) == 4
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_what_is_generated_anew_replaces_what_was_generated(output: Path) -> None:
    write(output, FIRST)
    (output / "build").mkdir()
    (output / "build/api.wasm").write_bytes(b"component")
    (output / "probes.yaml").write_text("mine")
    changes = write(
        output, generated(text("build.sh", "#!/bin/sh\n", executable=True), text("adapter/main.py", "new"))
    )
    assert names(changes) == {
        "created": [],
        "updated": ["adapter/main.py", PROVENANCE],
        "removed": ["old/gone.txt"],
    }
    assert (output / "adapter/main.py").read_text() == "new"
    assert not (output / "old").exists()
    assert (output / "build/api.wasm").read_bytes() == b"component"
    assert (output / "probes.yaml").read_text() == "mine"


def test_an_edited_file_is_not_overwritten_unasked(output: Path) -> None:
    write(output, FIRST)
    (output / "build.sh").write_text("#!/bin/sh\necho mine\n")
    before = everything(output)
    newer = generated(text("build.sh", "#!/bin/sh\nnew\n", executable=True), text("adapter/main.py", "new"))
    with pytest.raises(OutputError, match=r"build\.sh") as caught:
        write(output, newer)
    assert "--force" in caught.value.do
    assert "adapter" not in caught.value.what
    assert everything(output) == before
    assert write(output, newer, force=True).edited == ("build.sh",)
    assert (output / "build.sh").read_text() == "#!/bin/sh\nnew\n"


def test_a_persons_file_in_a_place_that_becomes_ours_is_not_overwritten(output: Path) -> None:
    write(output, FIRST)
    (output / "notes.md").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.md"):
        write(output, generated(text("notes.md")))


def test_an_edit_that_says_what_would_be_generated_is_no_conflict(output: Path) -> None:
    write(output, FIRST)
    (output / "adapter/main.py").write_text("new")
    changes = write(output, generated(text("adapter/main.py", "new")))
    assert "adapter/main.py" in changes.unchanged


def test_a_deleted_file_comes_back(output: Path) -> None:
    write(output, FIRST)
    (output / "build.sh").unlink()
    assert names(write(output, FIRST))["created"] == ["build.sh"]


def test_an_edited_file_that_is_no_longer_generated_stays(output: Path) -> None:
    write(output, FIRST)
    (output / "old/gone.txt").write_text("mine")
    changes = write(output, generated(text("adapter/main.py")))
    assert changes.kept == ("old/gone.txt",)
    assert (output / "old/gone.txt").read_text() == "mine"


def test_a_lost_executable_bit_is_set_again(output: Path) -> None:
    write(output, FIRST)
    (output / "build.sh").chmod(0o644)
    changes = write(output, FIRST)
    assert changes.modes == ("build.sh",)
    assert os.access(output / "build.sh", os.X_OK)


def test_a_dry_run_writes_nothing_and_shows_the_difference(output: Path) -> None:
    changes = write(output, FIRST, dry_run=True)
    assert changes
    assert not output.parent.exists()
    assert "--- /dev/null\n+++ b/build.sh\n@@ -0,0 +1 @@\n+#!/bin/sh\n" in changes.diff()

    write(output, FIRST)
    (output / "build.sh").write_text("#!/bin/sh\nmine")
    changes = write(output, generated(text("build.sh", "#!/bin/sh\n", executable=True)), dry_run=True)
    assert changes.edited == ("build.sh",)
    assert (
        "--- a/build.sh\n+++ b/build.sh\n@@ -1,2 +1 @@\n #!/bin/sh\n-mine\n\\ No newline at end of file\n"
        in (changes.diff())
    )
    assert "+++ /dev/null" in changes.diff()
    assert (output / "build.sh").read_text() == "#!/bin/sh\nmine"


def test_binary_files_differ_without_being_shown(output: Path) -> None:
    changes = write(output, generated(GeneratedFile("vendor/a.wasm", b"\0asm\xff")), dry_run=True)
    assert "Binary files /dev/null and b/vendor/a.wasm differ\n" in changes.diff()


def test_changes_as_json(output: Path) -> None:
    data = json.loads(json.dumps(write(output, FIRST).to_json()))
    assert data["created"] == ["adapter/main.py", "build.sh", PROVENANCE, "old/gone.txt"]
    assert data["dry_run"] is False


def test_the_summary_says_what_matters(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(made.assessment(output.parents[1], made.assessed()), None)
    first = write(output, FIRST)
    assert "4 created" in first.summary(plan)
    assert f"next: dock2wasm build {output.parents[1]} --service api" in first.summary(plan)
    monkeypatch.chdir(output.parents[1])
    assert "next: dock2wasm build --service api" in first.summary(plan)
    elsewhere = replace(plan, output=output.parents[1] / "my out")
    assert f"--service api --output '{elsewhere.output}'" in first.summary(elsewhere)
    (output / "build.sh").write_text("mine")
    (output / "old/gone.txt").write_text("mine")
    left_out = tuple(Excluded(f"{n}.pem", "may hold a secret (matches *.pem)") for n in range(7))
    accepted = replace(plan, excluded=left_out, promise=False, accepted=("memory-state",))
    said = write(output, generated(text("build.sh", executable=True)), dry_run=True).summary(accepted)
    assert "would be refused without --force: build.sh" in said
    assert "kept because it was edited: old/gone.txt" in said
    assert "4.pem and 2 more" in said
    assert "no promise: accepted memory-state" in said
    assert "next:" not in said


# --- what is not ours ----------------------------------------------------------------------


def test_a_wasm_folder_of_somebody_else(output: Path) -> None:
    output.parent.mkdir()
    (output.parent / "module.wat").write_text("(module)")
    with pytest.raises(OutputError, match="wasm is not ours") as caught:
        write(output, FIRST)
    assert "--output" in caught.value.do
    assert everything(output.parent) == {"module.wat": b"(module)"}


def test_a_service_folder_of_somebody_else(output: Path) -> None:
    write(output.parent / "other", FIRST)
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="api is not ours") as caught:
        write(output, FIRST, force=True)
    assert "--output" in caught.value.do


def test_an_output_elsewhere_may_lie_beside_anything(tmp_path: Path) -> None:
    place = tmp_path / "deploy" / "api"
    place.parent.mkdir()
    (place.parent / "notes").write_text("mine")
    write(place, FIRST)
    assert (place / PROVENANCE).is_file()


def test_an_output_that_is_a_file(output: Path) -> None:
    write(output.parent / "other", FIRST)
    output.write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        write(output, FIRST)


def test_a_damaged_provenance_file_is_an_error(output: Path) -> None:
    write(output, FIRST)
    (output / PROVENANCE).write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        write(output, FIRST, force=True)


@pytest.mark.parametrize("link", ["wasm", "wasm/api"])
def test_links_in_the_way_to_the_output(tmp_path: Path, output: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(OutputError, match="symbolic link"):
        write(output, FIRST)
    assert list(elsewhere.iterdir()) == []


def test_a_link_between_repository_and_output(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "a").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="symbolic link"):
        write(repository / "a/b/c", generated(text("x"), repository="../../.."))
    assert list(elsewhere.iterdir()) == []


def test_the_way_to_an_output_outside_the_repository_is_the_callers_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link" / "api", generated(text("x"), repository="../repository"))
    assert (tmp_path / "real/api/x").is_file()


@pytest.mark.parametrize("path", ["adapter", "adapter/main.py"])
def test_links_within_the_tree(tmp_path: Path, output: Path, path: str) -> None:
    write(output, generated(text("x")))
    elsewhere = tmp_path / "elsewhere"
    (elsewhere if path == "adapter" else elsewhere / "sub").mkdir(parents=True)
    (output / path).parent.mkdir(exist_ok=True)
    (output / path).symlink_to(elsewhere)
    with pytest.raises(OutputError, match="in the way"):
        write(output, FIRST, force=True)
    assert not list(elsewhere.rglob("*.py"))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "", ".", "build/api.wasm", "a//b", "a\\b"]
)
def test_our_own_code_cannot_name_a_path_outside_the_tree(output: Path, path: str) -> None:
    with pytest.raises(ValueError, match="bad or repeated"):
        write(output, (*FIRST, text(path)))


def test_our_own_code_cannot_write_a_path_twice(output: Path) -> None:
    with pytest.raises(ValueError, match="bad or repeated"):
        write(output, (*FIRST, text("build.sh")))


# --- when writing fails --------------------------------------------------------------------


def full_disk(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The disk is full when the file number `at` is written."""
    calls = 0
    real = tree._write_file

    def write_file(place: Path, file: GeneratedFile) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.content[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))
        real(place, file)

    monkeypatch.setattr(tree, "_write_file", write_file)


@pytest.mark.parametrize("at", [1, 4])
def test_a_full_disk_leaves_no_new_tree(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    full_disk(monkeypatch, at)
    with pytest.raises(DiskError, match="No space left"):
        write(output, FIRST)
    assert everything(tmp_path) == {}


def test_a_full_disk_leaves_the_old_tree(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(output, FIRST)
    before = everything(output.parent)
    full_disk(monkeypatch, 2)
    with pytest.raises(DiskError):
        write(output, generated(text("build.sh", "new", executable=True), text("adapter/main.py", "new")))
    assert everything(output.parent) == before


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6])
def test_a_failure_while_files_are_moved_is_undone(
    output: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, at: int
) -> None:
    write(output, FIRST)
    before = everything(output.parent)
    newer = generated(text("build.sh", "new", executable=True), text("fresh/x.py", "new"))
    calls = 0
    real: Any = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == at:
            raise failure
        return Path(real(self, target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else DiskError):
            write(output, newer)
    assert calls >= at
    assert everything(output.parent) == before
    write(output, newer)
    assert (output / "fresh/x.py").read_text() == "new"


def test_a_folder_that_may_not_be_written(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(output.parent))

    # Not by its mode: tests run as root as well.
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match="cannot be written"):
        write(output, FIRST)
    assert not output.parent.exists()


# --- reading back --------------------------------------------------------------------------


def test_provenance_is_read_back(output: Path) -> None:
    write(output, FIRST)
    found = load(output)
    assert found == from_bytes((output / PROVENANCE).read_bytes())
    assert found.service == "api"
    assert found.hash_of("build.sh") == sha256(b"#!/bin/sh\n")
    assert found.hash_of("nothing") is None
    assert [g.name for g in found.grants] == ["GREETING", "KEY", "a.example"]


def test_a_folder_without_a_tree(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no generated tree"):
        load(tmp_path)
    with pytest.raises(OutputError, match="no generated tree"):
        load(tmp_path / "nowhere")


def test_a_provenance_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(to_bytes(provenance()))
    (tmp_path / PROVENANCE).symlink_to("real")
    with pytest.raises(OutputError, match="not ours"):
        load(tmp_path)


def test_a_secret_has_no_value_in_the_file() -> None:
    content = to_bytes(provenance()).decode()
    assert 'os.environ[\\"KEY\\"]' not in content
    data = json.loads(content)
    secret = next(grant for grant in data["grants"] if grant["kind"] == "secret")
    assert secret["value"] is None
    assert secret["evidence"]["snippet"] == ""


def _changed(**changes: object) -> bytes:
    return json.dumps(json.loads(to_bytes(provenance())) | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        _changed(schema_version=2),
        _changed(schema_version=True),
        _changed(tool="x"),
        _changed(service="../x"),
        _changed(service=None),
        _changed(lane="os.path; x"),
        _changed(kind="job"),
        _changed(wasi="0.1"),
        _changed(repository="/etc"),
        _changed(dockerfile="../../etc/passwd"),
        _changed(port=0),
        _changed(port="80"),
        _changed(promise="yes"),
        _changed(targets="spin"),
        _changed(targets=[1]),
        _changed(grants=[{}]),
        _changed(grants=[{"kind": "root", "name": "x", "evidence": {"path": "", "line": 1, "snippet": ""}}]),
        _changed(
            grants=[
                {
                    "kind": "secret",
                    "name": "x",
                    "value": "y",
                    "evidence": {"path": "", "line": 1, "snippet": ""},
                }
            ]
        ),
        _changed(files={"../x": "0" * 64}),
        _changed(files={"x": "0"}),
        _changed(files=[]),
    ],
)
def test_a_malformed_provenance_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PROVENANCE).write_bytes(content)
    with pytest.raises(OutputError, match="cannot be read") as caught:
        load(tmp_path)
    assert caught.value.why


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode()))
def test_any_content_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(OutputError):
        from_bytes(content)
