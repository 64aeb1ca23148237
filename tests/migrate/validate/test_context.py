"""What the engine gets of the context, its hash, and the copy that is built from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate.errors import OriginalError
from migrate.validate import context


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    files = {
        "Dockerfile": "FROM scratch\nCOPY . .\n",
        ".dockerignore": "*.log\nsecret\n!secret/public\n",
        "app.py": "print()",
        "a.log": "x",
        "secret/key": "k",
        "secret/public": "p",
        "sub/run.sh": "#!/bin/sh",
        "wasm/api/dock2wasm.provenance.json": "{}",
        "wasm/api/spin.toml": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "sub" / "run.sh").chmod(0o755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(".")
    return tmp_path


def read(repository: Path, **more: object) -> context.BuildContext:
    return context.read(repository, context="", dockerfile="Dockerfile", **more)  # type: ignore[arg-type] # test values


def test_ignored_files_and_our_output_are_left_out(repository: Path) -> None:
    found = {entry.path: entry for entry in read(repository).entries}
    assert sorted(found) == [
        ".dockerignore",
        "Dockerfile",
        "app.py",
        "empty",
        "link",
        "loop",
        "secret/public",
        "sub/run.sh",
    ]
    assert found["sub/run.sh"].executable
    assert not found["app.py"].executable
    assert (found["link"].kind, found["link"].link) == ("link", "/etc/passwd")
    assert found["empty"].kind == "folder"


def test_the_hash_is_of_what_is_built_and_of_nothing_else(repository: Path) -> None:
    before = context.digest(read(repository))
    (repository / "a.log").write_text("other")
    (repository / "wasm/api/spin.toml").write_text("other")
    os.utime(repository / "app.py", (1, 1))
    (repository / "app.py").chmod(0o600)
    assert context.digest(read(repository)) == before
    seen = {before}
    for change in (
        lambda: (repository / "app.py").write_text("print(1)"),
        lambda: (repository / "app.py").chmod(0o700),
        lambda: (repository / "new").write_text(""),
        lambda: (repository / "new").rename(repository / "newer"),
        lambda: (repository / "other").mkdir(),
        lambda: (repository / "loop").replace(repository / "link"),
        lambda: (repository / ".dockerignore").write_text(""),
    ):
        change()
        seen.add(context.digest(read(repository)))
    seen.add(context.digest(read(repository, target="test")))
    seen.add(context.digest(read(repository, args={"A": "1"})))
    assert len(seen) == 10


def test_a_dockerfiles_own_ignore_file_comes_first(repository: Path) -> None:
    (repository / "Dockerfile.dockerignore").write_text("app.py\n")
    paths = {entry.path for entry in read(repository).entries}
    assert "app.py" not in paths
    assert "a.log" in paths


def test_the_copy_is_the_context(repository: Path, tmp_path: Path) -> None:
    os.utime(repository / "app.py", (1_000_000, 1_000_000))
    place = repository.parent / f"{repository.name}-copy"
    dockerfile = context.copy(read(repository), place)
    assert dockerfile.read_text().startswith("FROM scratch")
    assert place not in dockerfile.parents
    assert (place / "app.py").stat().st_mtime == 1_000_000
    assert os.access(place / "sub/run.sh", os.X_OK)
    assert (place / "link").readlink() == Path("/etc/passwd")
    assert not (place / "wasm").exists()
    again = context.read(place, context="", dockerfile="Dockerfile")
    assert context.digest(again) == context.digest(read(repository))


def test_pipes_are_named_not_read(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    assert read(repository).skipped == ("pipe",)


def test_a_dockerfile_that_went_away(repository: Path) -> None:
    (repository / "Dockerfile").unlink()
    with pytest.raises(OriginalError, match="Dockerfile is not there"):
        read(repository)
