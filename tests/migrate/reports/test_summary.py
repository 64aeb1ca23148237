"""What the reports share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.model import TargetVerdict, Verdict
from migrate.reports.summary import named_in, target_groups


@pytest.mark.parametrize(
    ("message", "line", "marked"),
    [
        ("app.hits is changed by requests.", "hits += 1", "hits"),
        ("socket.gethostname is `(none)` there", "host = socket.gethostname()", "socket.gethostname"),
        ("`go mod init x` makes files.", "RUN go mod init x && go get", "go mod init x"),
        ("python:3.9 runs an old Python", "FROM python:3.9-slim", "python:3.9"),
        ("/metrics shows one instance.", "@app.route('/metrics')", "/metrics"),
        ("Starts new FileStream() and File.OpenWrite().", "File.OpenWrite(path)", "File.OpenWrite"),
        ("a.count is read", "discount = 3", None),
        ("It is read by a request", "from request import it", None),
        ("x.total and more", "total = total + 1", None),
        ("", "", None),
    ],
)
def test_the_name_in_the_message_is_found_in_the_line(message: str, line: str, marked: str | None) -> None:
    found = named_in(message, line)
    assert (line[found[0] : found[1]] if found else None) == marked


@given(st.text(max_size=80), st.text(max_size=80))
def test_what_is_found_is_in_the_line(message: str, line: str) -> None:
    found = named_in(message, line)
    assert found is None or 0 <= found[0] < found[1] <= len(line)


def test_targets_that_agree_are_one_group_and_the_best_comes_first() -> None:
    groups = target_groups(
        [
            TargetVerdict("a", Verdict.REFACTOR, ("lane:x", "lane:x:y", "tcp")),
            TargetVerdict("b", Verdict.CONVERT),
            TargetVerdict("c", Verdict.REFACTOR, ("lane:x", "tcp")),
            TargetVerdict("d", Verdict.REFACTOR, ("tcp",)),
        ]
    )
    assert [(group.verdict, group.names, group.lacks) for group in groups] == [
        (Verdict.CONVERT, ("b",), ()),
        (Verdict.REFACTOR, ("d",), ("tcp",)),
        (Verdict.REFACTOR, ("a", "c"), ("lane:x", "tcp")),
    ]
