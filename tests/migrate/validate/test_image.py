"""Which builder is used, and what needs BuildKit."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import OriginalError
from migrate.validate import image


def client(folder: Path, version: str, *, buildx: bool) -> None:
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        f"buildx) {'echo github.com/docker/buildx v0.29.1 abc' if buildx else 'exit 1'} ;;\n"
        f"version) echo {version}; exit 1 ;;\n"
        "esac\n"
    )
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("clients", "name"),
    [
        ((("28.0.1", True),), "buildx 0.29.1"),
        ((("20.10.24+dfsg1", False),), "BuildKit of docker 20.10.24"),
        ((("28.0.1", False),), "classic builder"),
        ((("28.0.1", False), ("20.10.24", False)), "BuildKit of docker 20.10.24"),
        ((("28.0.1", False), ("28.0.1", True)), "buildx 0.29.1"),
        ((("17.06.0", False),), "classic builder"),
        ((), "classic builder"),
    ],
)
def test_the_first_client_with_buildkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clients: tuple[tuple[str, bool], ...], name: str
) -> None:
    for number, (version, buildx) in enumerate(clients):
        client(tmp_path / str(number), version, buildx=buildx)
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / str(number)) for number in range(len(clients))))
    assert image.find_builder().name == name


def test_the_line_that_needs_buildkit_is_named(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "FROM a\nRUN echo\nRUN --mount=type=cache,target=/x make\nCOPY --link a b\nCOPY <<EOF /x\nhi\nEOF\n"
    )
    assert image.needing_buildkit(dockerfile) == [
        (3, "RUN --mount"),
        (4, "COPY --link"),
        (5, "a heredoc (<<EOF)"),
    ]
    with pytest.raises(OriginalError, match=r"Dockerfile:3 uses RUN --mount, which needs BuildKit"):
        image.refuse_without_buildkit(dockerfile)


def test_a_plain_dockerfile_needs_none(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM a\nRUN make\nCOPY --from=x --chown=1 a b\n")
    image.refuse_without_buildkit(dockerfile)
