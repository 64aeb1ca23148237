"""Assessments that hold what strangers may write: in names, paths, lines of source, reasons, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from analyzers.model import (
    Assessment,
    Evidence,
    Inventory,
    NotRead,
    RuleFailure,
    Severity,
    TargetVerdict,
    Unknown,
    Verdict,
)
from migrate.policy import Review, plain
from migrate.policy.baseline import KnownFinding
from migrate.policy.ignores import IdleIgnore, Suppression
from tests.migrate.made import assessed, env, finding, service

TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
# fmt: off
PIECES = st.sampled_from([
    "<script>alert(1)</script>", "</script>", "</style>", "</details>", "<img src=x onerror=alert(1)>",
    "&lt;", "&#60;", "<!--", "-->", "{{ 7 * 7 }}", "{% raw %}", "\"", "'", "\\",
    "](https://evil.example)", "[x](https://evil.example)", "![x](https://evil.example/p)",
    "https://evil.example", "www.evil.example", "@team", "#1", "GH-1", "$x$",
    "`", "``", "```", "~~~", "|", "- ", "1. ", " ", "\t", "\n", "\n\n# Heading\n",
    "\u202e", "\x1b[31m", "\0", "\ud800",
])
# fmt: on
HOSTILE = TEXT | st.lists(PIECES | TEXT, max_size=6).map("".join)


def hostile(*texts: str) -> Review:
    """A review with these texts wherever a stranger's text may stand; at least five are needed."""
    one, two, three, four, five = texts[:5]
    place = Evidence(two, 3, three)
    bad = replace(
        finding("memory-state"),
        message=one,
        evidence=(place, Evidence(three, 0, one), place, place, place),
        remedy=four,
    )
    made = service()
    assert made.source is not None
    made = replace(
        made,
        name=one or "web",
        path=two,
        image_name=three,
        start_command=(four,),
        source=replace(made.source, framework=five, entry=two, server=three),
    )
    judged = replace(
        assessed(made, verdict=Verdict.REFACTOR, findings=(bad, replace(bad, severity=Severity.INFO))),
        targets=(TargetVerdict("spin", Verdict.REFACTOR, (one,)), TargetVerdict("wasmtime", Verdict.KEEP)),
        grants=(replace(env("A", two), evidence=place),),
        changes=(four,),
        unknown=(Unknown(one, two, place),),
    )
    assessment = Assessment(
        Inventory(
            Path("/repo") / (five.replace("\0", "") or "x"), five or None, (made,), (NotRead(two, three),)
        ),
        (judged,),
        "1.0",
        "3-abc",
        (RuleFailure(four, one, three),),
    )
    reviewed = plain(assessment)
    (shown,) = reviewed.services
    marks = tuple(replace(mark, suppressed=Suppression(five, two, place)) for mark in shown.marks[:1])
    return replace(
        reviewed,
        services=(replace(shown, marks=(*marks, *shown.marks[1:])),),
        idle=(IdleIgnore(one, two, three),),
        has_baseline=True,
        gone=(KnownFinding("f", "r", bad.severity, bad.effect, two, one),),
    )
