"""Per-file work in several processes: the same result however many there are."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyzers import workers
from analyzers.inventory import read
from analyzers.languages.python.summary import Summary, parse_all
from tests.analyzers.generated import write_service


def lengths(items: list[bytes]) -> list[int]:
    return [len(item) for item in items]


def elsewhere(items: list[bytes]) -> list[int]:
    """The process that each item was done in."""
    return [os.getpid() for _ in items]


def dies_in_a_worker(items: list[bytes]) -> list[int]:
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return lengths(items)


def fails(items: list[bytes]) -> list[int]:
    raise ValueError(f"{len(items)} items")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any amount of work is worth a process, in many chunks."""
    monkeypatch.setattr(workers, "_WORTH", 1)
    monkeypatch.setattr(workers, "_CHUNK", 1)


ITEMS = [b"x" * n for n in range(1, 40)]


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.usefixtures("small")
def test_results_come_in_the_order_of_the_items(cores: int) -> None:
    with workers.scope(cores):
        assert workers.run(lengths, ITEMS) == [len(item) for item in ITEMS]


@pytest.mark.usefixtures("small")
def test_without_a_scope_nothing_is_started() -> None:
    assert set(workers.run(elsewhere, ITEMS)) == {os.getpid()}


def test_little_work_starts_nothing() -> None:
    with workers.scope(4):
        assert set(workers.run(elsewhere, ITEMS)) == {os.getpid()}


@pytest.mark.usefixtures("small")
def test_workers_that_are_killed_leave_no_gap() -> None:
    with workers.scope(2):
        assert workers.run(dies_in_a_worker, ITEMS) == [len(item) for item in ITEMS]
        assert workers.run(lengths, ITEMS) == [len(item) for item in ITEMS]


@pytest.mark.usefixtures("small")
def test_an_error_of_the_work_is_raised() -> None:
    with workers.scope(2), pytest.raises(ValueError, match="items"):
        workers.run(fails, ITEMS)


@pytest.mark.usefixtures("small")
def test_processes_that_are_spawned_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_start_method", lambda: "spawn")
    nested = b"x = " + b"+".join([b"'a'"] * 3000) + b"\n"  # too deep to be sent from one process to another
    files = [b"import os\n\n\ndef f():\n    return os.environ['A']\n", b"def broken(:\n", nested] * 3
    with workers.scope(2):
        found = workers.run(parse_all, files)
    here = parse_all(files)
    assert [type(one) for one in found] == [type(one) for one in here]
    assert [one for one in found if isinstance(one, str)] == [one for one in here if isinstance(one, str)]
    parts = [[p.name for p in one.parts] for one in found if isinstance(one, Summary)]
    assert parts == [[p.name for p in one.parts] for one in here if isinstance(one, Summary)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_an_inventory_is_the_same_with_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(workers, "_start_method", lambda: method)
    write_service(tmp_path, 30)
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(workers, "available", lambda cores=cores: cores)
        found.append(read(tmp_path))
    assert found[0].services[0].source is not None
    assert len(found[0].services[0].source.files) > 30
    assert found[0] == found[1] == found[2]


def where(given: list[int], part: int) -> tuple[int, int]:
    """What is given for a part, and the process that it was done in."""
    time.sleep(0.002)
    return given[part], os.getpid()


def dies(given: list[int], part: int) -> int:
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return given[part]


def refuses(given: list[int], part: int) -> int:
    raise ValueError(f"part {given[part]}")


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_parts_come_in_order_from_several_processes(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_start_method", lambda: method)
    given = list(range(100, 400))
    with workers.scope(3):
        found = workers.spread(where, given, len(given))
    assert [one for one, _ in found] == given
    with workers.scope(1):
        assert workers.spread(where, given, 9) == [(one, os.getpid()) for one in given[:9]]


def test_parts_of_workers_that_are_killed_are_done_here() -> None:
    with workers.scope(2):
        assert workers.spread(dies, list(range(40)), 40) == list(range(40))


def test_an_error_of_a_part_is_raised() -> None:
    with workers.scope(2), pytest.raises(ValueError, match="part"):
        workers.spread(refuses, list(range(40)), 40)


def test_many_services_are_the_same_with_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = 40
    for number in range(services):
        write_service(tmp_path / f"s{number}", 2)
        (tmp_path / f"s{number}" / "shop" / "broken.py").write_bytes(b"\xff def (:\n")
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(workers, "available", lambda cores=cores: cores)
        found.append(read(tmp_path))
    assert len(found[0].services) == services
    assert all(service.image is not None and service.source is not None for service in found[0].services)
    assert found[0] == found[1] == found[2]


_WAITS = """
import sys, time
from analyzers import workers
workers._WORTH = workers._CHUNK = 1
def waits(items):
    print("started", flush=True)
    time.sleep(0.5)
    return [0 for _ in items]
with workers.scope(2):
    workers.run(waits, [b"x"] * 60)
"""


def test_an_interrupt_ends_the_workers_too() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert errors.count("Traceback") == 1  # of this process; its workers say nothing
    deadline = time.monotonic() + 30
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break  # nobody of the group is left
        assert time.monotonic() < deadline
        time.sleep(0.05)
