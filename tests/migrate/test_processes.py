"""Programs are started, watched and ended, whatever they and we do."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import DiskError
from migrate.processes import LONGEST_LINE, Ended, Server, run, signals_raise

ROOT = Path(__file__).resolve().parents[2]


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it holds before `seconds` are over; generous, the machine may be busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def gone(pid: int) -> bool:
    """No such process, not even a zombie that somebody still has to reap, unless it is another's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    # Reparented to init: a zombie there is not ours to reap.
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def number_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n")), f"{path} was not written"
    return int(path.read_text())


def zombies() -> set[int]:
    """Our children that ended and were not reaped."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    ).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if line.split()[1].startswith("Z")}


# --- run ----------------------------------------------------------------------------------------


def test_output_goes_to_the_log_the_caller_and_the_result(tmp_path: Path) -> None:
    log, lines = tmp_path / "log", list[str]()
    log.write_bytes(b"before\n")
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"], cwd=tmp_path, log=log, on_line=lines.append)
    assert done.returncode == 3
    assert done.output == "out\nerr\n"
    assert lines == ["out", "err"]
    assert log.read_bytes() == b"before\nout\nerr\n"


def test_a_last_line_without_an_end_is_a_line(tmp_path: Path) -> None:
    lines: list[str] = []
    run(["printf", "one\\r\\ntwo"], cwd=tmp_path, on_line=lines.append)
    assert lines == ["one", "two"]


def test_a_program_killed_by_a_signal_says_so(tmp_path: Path) -> None:
    assert run(["sh", "-c", "kill -KILL $$"], cwd=tmp_path).returncode == -signal.SIGKILL


def test_invalid_utf8_reaches_the_log_as_it_came(tmp_path: Path) -> None:
    log, lines = tmp_path / "log", list[str]()
    done = run(["printf", "a\\377b\\n\\303\\244"], cwd=tmp_path, log=log, on_line=lines.append)
    assert log.read_bytes() == b"a\xffb\n\xc3\xa4"
    assert done.output == "a\N{REPLACEMENT CHARACTER}b\nä"
    assert lines == ["a\N{REPLACEMENT CHARACTER}b", "ä"]


def test_a_character_split_between_two_reads_stays_whole(tmp_path: Path) -> None:
    script = r"printf '\303'; sleep 0.2; printf '\244\n'"
    assert run(["sh", "-c", script], cwd=tmp_path).output == "ä\n"


def test_a_flood_of_lines_keeps_the_last_of_them(tmp_path: Path) -> None:
    done = run(["seq", "1", "400000"], cwd=tmp_path, tail=1000)
    assert len(done.output) == 1000
    assert done.output.endswith("399999\n400000\n")


def test_a_flood_without_a_line_end_is_handed_on_in_parts(tmp_path: Path) -> None:
    sizes: list[int] = []
    size = 5_000_000
    done = run(
        ["sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x"],
        cwd=tmp_path,
        tail=100,
        on_line=lambda line: sizes.append(len(line)),
    )
    assert sum(sizes) == size
    assert max(sizes) <= 2 * LONGEST_LINE
    assert done.output == "x" * 100


def test_a_missing_program_and_one_that_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "missing")], cwd=tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(PermissionError):
        run([str(tmp_path / "text")], cwd=tmp_path)
    assert not zombies()


def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run(["sh", "-c", f"echo begun; sleep 600 & echo $! > {child}; wait"], cwd=tmp_path, timeout=1.0)
    assert caught.value.output == "begun\n"
    assert eventually(lambda: gone(number_in(child)))


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], cwd=tmp_path, timeout=0.5)
    assert not zombies()


def test_what_a_program_leaves_running_does_not_hold_us_and_is_ended(tmp_path: Path) -> None:
    child = tmp_path / "child"
    # The child keeps the output open; a run that waited for its end would last ten minutes.
    done = run(["sh", "-c", f"sleep 600 & echo $! > {child}; echo done"], cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert done.output == "done\n"
    assert eventually(lambda: gone(number_in(child)))


def test_a_child_that_left_the_group_does_not_hold_us(tmp_path: Path) -> None:
    child = tmp_path / "child"
    leave = (
        f"import os,time; os.setsid(); open({str(child)!r},'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    )
    script = f'{sys.executable} -c "{leave}" & while [ ! -s {child} ]; do sleep 0.05; done; echo done'
    done = run(["sh", "-c", script], cwd=tmp_path, timeout=60)
    os.kill(number_in(child), signal.SIGKILL)  # it asked for a life of its own: ours to end here
    assert done.output == "done\n"


def test_a_program_that_closes_its_output_is_awaited(tmp_path: Path) -> None:
    done = run(["sh", "-c", "echo early; exec >&- 2>&-; sleep 0.3; exit 7"], cwd=tmp_path)
    assert (done.returncode, done.output) == (7, "early\n")


def test_an_error_of_the_caller_ends_the_program(tmp_path: Path) -> None:
    seen: list[int] = []

    def refuse(line: str) -> None:
        seen.append(int(line))
        raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own"):
        run(["sh", "-c", "echo $$; exec sleep 600"], cwd=tmp_path, on_line=refuse)
    assert gone(seen[0])
    assert not zombies()


def test_a_log_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DiskError, match="cannot be written"):
        run(["true"], cwd=tmp_path, log=tmp_path / "missing" / "log")
    full = Path("/dev/full")
    if not full.exists():  # Linux has it; the error path is the same elsewhere
        pytest.skip("needs /dev/full")
    with pytest.raises(DiskError, match="cannot be written") as caught:
        run(["sh", "-c", "echo something; sleep 600"], cwd=tmp_path, log=full)
    assert os.strerror(errno.ENOSPC) in str(caught.value)


def test_many_runs_at_once_keep_their_output_apart(tmp_path: Path) -> None:
    results: dict[int, str] = {}

    def one(number: int) -> None:
        results[number] = run(["sh", "-c", f"seq {number} {number + 50}"], cwd=tmp_path).output

    threads = [threading.Thread(target=one, args=(n * 100,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n * 100: "".join(f"{i}\n" for i in range(n * 100, n * 100 + 51)) for n in range(8)}


# --- Server -------------------------------------------------------------------------------------


def test_a_server_is_alive_until_it_is_stopped(tmp_path: Path) -> None:
    with Server(["sh", "-c", "echo up; exec sleep 600"], cwd=tmp_path, log=tmp_path / "log") as server:
        assert server.alive()
        assert server.exit_code() is None
        assert eventually(lambda: (tmp_path / "log").read_text() == "up\n")
    assert not server.alive()
    assert server.exit_code() == -signal.SIGTERM
    assert not zombies()
    server.stop()  # a second time changes nothing


def test_a_server_that_lives_on_in_a_child_is_ended(tmp_path: Path) -> None:
    child = tmp_path / "child"
    server = Server(["sh", "-c", f"sleep 600 & echo $! > {child}"], cwd=tmp_path, log=tmp_path / "log")
    pid = number_in(child)
    assert eventually(lambda: not server.alive())
    assert not gone(pid)
    server.stop()
    assert eventually(lambda: gone(pid))
    assert not zombies()


def test_a_server_that_ended_says_how(tmp_path: Path) -> None:
    with Server(["sh", "-c", "exit 9"], cwd=tmp_path, log=tmp_path / "log") as server:
        assert eventually(lambda: not server.alive())
        assert server.exit_code() == 9


def test_a_server_gets_its_own_signal_first(tmp_path: Path) -> None:
    script = "trap 'echo asked; exit 0' INT; echo up; while :; do sleep 0.05; done"
    log = tmp_path / "log"
    with Server(["sh", "-c", script], cwd=tmp_path, log=log, stop_signal=signal.SIGINT, grace=20):
        assert eventually(lambda: "up" in log.read_text())
    assert "asked" in log.read_text()


# --- our own end --------------------------------------------------------------------------------

OWNER = """
import sys, time
from pathlib import Path
from migrate.processes import Server, run, signals_raise
folder = Path(sys.argv[1])
script = f"sleep 600 & echo $! > {folder}/child; echo $$ > {folder}/leader; wait"
how = sys.argv[2]
if how == "run":
    run(["sh", "-c", script], cwd=folder)
with signals_raise() if how == "raise" else Server(["true"], cwd=folder, log=folder / "other"):
    with Server(["sh", "-c", script], cwd=folder, log=folder / "log"):
        time.sleep(600)
"""


@pytest.mark.parametrize("how", ["server", "run", "raise"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_when_we_are_ended(tmp_path: Path, how: str, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), how],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        leader, child = number_in(tmp_path / "leader"), number_in(tmp_path / "child")
        owner.send_signal(number)
        code = owner.wait(60)
        assert eventually(lambda: gone(leader) and gone(child))
    finally:
        owner.kill()
        owner.wait()
    if how == "raise" and number in (signal.SIGTERM, signal.SIGHUP):
        assert code == 128 + number
    else:
        assert code == -number


def test_ctrl_c_twice_kills_what_does_not_end(tmp_path: Path) -> None:
    script = f"trap '' INT TERM; echo $$ > {tmp_path}/leader; while :; do sleep 0.1; done"
    code = f"""
import time
from pathlib import Path
from migrate.processes import Server
folder = Path({str(tmp_path)!r})
with Server(["sh", "-c", {script!r}], cwd=folder, log=folder / "log", grace=600):
    time.sleep(600)
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        leader = number_in(tmp_path / "leader")
        owner.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert not gone(leader)
        owner.send_signal(signal.SIGINT)
        assert owner.wait(60) == -signal.SIGINT
        assert eventually(lambda: gone(leader))
    finally:
        owner.kill()
        owner.wait()


def test_signals_become_exceptions_and_go_back_to_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Ended) as caught, signals_raise():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raise():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_set_no_handlers() -> None:
    seen: list[object] = []

    def work() -> None:
        with signals_raise():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
