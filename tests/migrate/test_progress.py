"""What long work says."""

from __future__ import annotations

import io
import re

import pytest

from migrate.progress import Lines, Progress, Silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal_of_forty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d s", "N s", text)


def use(progress: Progress) -> None:
    progress.note("begin")
    with progress.step("outer"):
        progress.note("between")
        with progress.step("inner"):
            pass


def test_one_line_a_step() -> None:
    stream = io.StringIO()
    use(Lines(stream))
    assert without_times(stream.getvalue()) == "begin\nbetween\n  ✓ inner (N s)\n  ✓ outer (N s)\n"


def test_on_a_terminal_the_running_step_is_replaced() -> None:
    stream = Terminal()
    use(Lines(stream))
    erase = "\r\x1b[K"
    assert without_times(stream.getvalue()) == (
        f"begin\n  … outer{erase}between\n  … inner{erase}  ✓ inner (N s)\n  ✓ outer (N s)\n"
    )


def test_a_running_step_never_wraps() -> None:
    stream = Terminal()
    with Lines(stream).step("x" * 100):
        assert len(stream.getvalue()) == 39


def test_a_step_that_fails_says_so_and_raises() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Lines(stream).step("build"):
        raise KeyboardInterrupt
    assert without_times(stream.getvalue()) == "  ✗ build (N s)\n"


def test_names_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    progress = Lines(stream)
    progress.note("a\x1b[2Jb\rc\nd")
    with progress.step("e\x1b]0;title\x07\nf"):
        pass
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 4  # a note may have lines, a step has one


def test_a_stream_that_cannot_show_a_character() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with Lines(stream).step("größer"):
        pass
    assert without_times(raw.getvalue().decode("ascii")) == "  ? gr??er (N s)\n"


def test_a_stream_that_breaks_does_not_break_the_work() -> None:
    stream = io.StringIO()
    progress = Lines(stream)
    done = False
    with progress.step("work"):
        stream.close()
        progress.note("nobody hears this")
        done = True
    assert done


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    use(Silent())
    assert capsys.readouterr() == ("", "")
