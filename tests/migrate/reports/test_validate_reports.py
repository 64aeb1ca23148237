"""The reports of a comparison: the verdict first, nothing of a stranger's text reaches the reader raw."""

from __future__ import annotations

import math
import shlex
import subprocess
from dataclasses import replace

import pytest

from migrate.model import (
    Answer,
    Applied,
    BlindSpots,
    CandidateInfo,
    Comparison,
    Difference,
    DifferenceKind,
    Exchange,
    ExchangeVerdict,
    Instances,
    LogFinding,
    Measurement,
    OriginalInfo,
    Outcome,
    Probe,
    ProbeRun,
    ProbeSet,
    Sent,
    Side,
)
from migrate.reports import validate_markdown, validate_terminal
from migrate.reports.validate_text import change, curl, figure
from migrate.validate.measuring.quantities import quantity

PROBE = Probe("one", "POST", "/a")
SENT = Sent(
    "POST", "/a?b=$HOME`id`", (("Host", "localhost"), ("X-Q", "it's"), ("Content-Length", "3")), b"a'b"
)
HOSTILE = "\x1b[31m<script>@team | `x` \r\n# head"


def comparison(outcome: Outcome = Outcome.DIFFERENT) -> Comparison:
    exchange = Exchange(
        PROBE,
        SENT,
        SENT,
        Answer(200, (), b"", 0.1),
        Answer(500, (), b"", 0.1),
        ExchangeVerdict.DIFFERENT,
        (
            Difference(DifferenceKind.STATUS, "status", "200", "500"),
            Difference(DifferenceKind.BODY, HOSTILE, HOSTILE, HOSTILE, confirmed=False),
        ),
        (Applied("date-value", "date", "a", "b"),),
    )
    return Comparison(
        "api",
        "spin",
        outcome,
        OriginalInfo("sha256:" + "a" * 64, "sha256:" + "b" * 64, "docker 20"),
        CandidateInfo("c" * 64, "http", "0.2", "wasmtime", "49", 10),
        ProbeSet((PROBE,), "derived", "There is no probes.yaml: thin."),
        (ProbeRun(Instances.FRESH, (exchange,)),),
        BlindSpots(100, ()),
        log_findings=(LogFinding(Side.CANDIDATE, HOSTILE, "trap", True),),
        machine="a machine",
    )


def test_the_verdict_comes_first_and_what_differs_with_both_curl_lines() -> None:
    text = validate_terminal.render(comparison())
    assert text.splitlines()[0] == "DIFFERENT: api, 1 of 1 probe answered differently (fresh instances)"
    assert "THIN: There is no probes.yaml" in text
    assert '"$ORIGINAL/a?b=\\$HOME\\`id\\`"' in text
    assert '"$CANDIDATE/a' in text
    assert "date-value" in text


def test_nothing_steers_the_terminal() -> None:
    text = validate_terminal.render(comparison(), color=False)
    assert "\x1b" not in text
    assert "\r" not in text
    assert validate_terminal.render(comparison(), color=True).startswith("\x1b[1;31mDIFFERENT")


def test_nothing_breaks_out_of_the_markdown() -> None:
    text = validate_markdown.render(comparison())
    assert "\n# head" not in text
    row = next(line for line in text.splitlines() if line.startswith("| body (unconfirmed)"))
    cells = row.replace("\\|", "").split("|")
    assert len(cells) == 6
    # Markup stands in code spans only.
    assert all(
        "<script>" not in part for part in row.replace("``", "`").split("`")[::2] if "script" not in part
    )
    assert "### ❌" in text


def test_the_curl_line_is_one_command_whatever_the_request_holds() -> None:
    line = curl(SENT, "ORIGINAL")
    words = shlex.split(line)
    assert words[0] == "curl"
    assert words[words.index("--data-binary") + 1] == "a'b"
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'curl() {{ for last; do :; done; printf %s "$last"; }}; ORIGINAL=http://x; {line}',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "http://x/a?b=$HOME`id`"


def test_bodies_that_a_shell_line_cannot_hold() -> None:
    assert curl(replace(SENT, body=b"\xff\x00"), "O").startswith("echo /wA= | base64 -d | curl ")
    assert "body-of-5000-bytes" in curl(replace(SENT, body=b"x" * 5000), "O")
    assert "base64 -d" in curl(replace(SENT, body=b"@/etc/passwd"), "O")


def made(side: Side, median: float, ci95: tuple[float, float] | None) -> Measurement:
    return Measurement("cold-start", side, "s", (median,) * 5, "how", median, None, ci95)


@pytest.mark.parametrize(
    ("original", "candidate", "says"),
    [
        ((1.0, (0.9, 1.1)), (0.1, (0.05, 0.2)), "90% less"),
        ((1.0, (0.9, 1.1)), (2.0, (1.9, 2.1)), "2.0 times"),
        ((1.0, (0.9, 1.1)), (1.1, (1.0, 1.2)), "no difference shown"),
        ((math.nan, None), (1.1, None), ""),
    ],
)
def test_nothing_is_claimed_beyond_the_intervals(
    original: tuple[float, tuple[float, float] | None],
    candidate: tuple[float, tuple[float, float] | None],
    says: str,
) -> None:
    assert change(made(Side.ORIGINAL, *original), made(Side.CANDIDATE, *candidate)) == says


def test_figures_for_people() -> None:
    assert figure(made(Side.ORIGINAL, 0.75, (0.6, 0.85))) == "750 ms [600 ms, 850 ms], n = 5"
    assert figure(None) == "-"
    assert figure(Measurement("m", Side.ORIGINAL, "s", (), "why", math.nan, None, None)) == "not measured"
    assert [quantity(222_800_000, "byte"), quantity(4000, "byte"), quantity(12, "s")] == [
        "222.8 MB",
        "4.0 kB",
        "12.0 s",
    ]


def test_other_outcomes_have_their_own_words() -> None:
    equal = replace(comparison(Outcome.EQUAL), promise=False)
    assert validate_terminal.render(equal).startswith("EQUAL: api, all 1 probe answered alike")
    assert "no promise" in validate_terminal.render(equal)
    blind = replace(comparison(Outcome.INCONCLUSIVE), blind_spots=BlindSpots(10, ("a",)))
    assert "10.0% of what was answered could not be compared" in validate_terminal.render(blind)
