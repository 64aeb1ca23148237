"""What the terminal's and the Markdown report of a comparison share: headline, figures, curl lines."""

from __future__ import annotations

import base64
import math
import re
import shlex
from collections import Counter
from dataclasses import dataclass

from migrate.model import (
    Comparison,
    Exchange,
    ExchangeVerdict,
    Measurement,
    Outcome,
    ProbeRun,
    Sent,
    Side,
)
from migrate.validate.measuring.quantities import distinguishable, quantity

METRICS = {
    "size": "size",
    "size-compressed": "size, compressed",
    "size-precompiled": "size, precompiled",
    "cold-start": "cold start",
    "instance-start": "start of a fresh instance",
    "fresh-answer": "answer of a fresh instance",
    "reused-answer": "answer of a used instance",
    "memory-rest": "memory at rest",
    "memory-load": "memory after load",
    "copies-idle-per-gb": "idle copies in 1 GB, computed",
    "copies-busy-per-gb": "busy copies in 1 GB, computed",
}
_PATTERNS = (
    (re.compile(r"throughput-c(\d+)"), "throughput, {} connections"),
    (re.compile(r"latency-c(\d+)"), "latency, {} connections"),
    (re.compile(r"latency-(\d+)"), "latency, open loop at {} %"),
    (re.compile(r"cpu-c(\d+)"), "processor time an answer, {} connections"),
    (re.compile(r"memory-copy-(\d+)"), "memory, one more idle copy of {}"),
    (re.compile(r"memory-copy-load-(\d+)"), "memory, one more busy copy of {}"),
    (re.compile(r"memory-engine-(\d+)"), "memory, Docker's own for a copy of {}"),
)
FLOOR = "floor-"
_BODY_SHOWN = 2000  # bytes of a request body in a curl line
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table of measurements. `floor` is the trivial handler's, `same` the A/A difference."""

    metric: str
    original: str
    candidate: str
    change: str
    notes: tuple[str, ...]
    floor: str = ""
    same: str = ""


def safe(text: str) -> str:
    """Text of an answer or a log, without what could steer a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def headline(comparison: Comparison) -> str:
    """The outcome in one line; a replay says so here."""
    run = comparison.runs[0]
    counts = Counter(exchange.verdict for exchange in run.exchanges)
    total = len(run.exchanges)
    probes = f"{total} probe{'s' if total != 1 else ''}"
    match comparison.outcome:
        case Outcome.EQUAL:
            said = f"all {probes} answered alike"
        case Outcome.DIFFERENT:
            different = counts[ExchangeVerdict.DIFFERENT]
            said = (
                f"{different} of {probes} answered differently"
                if different
                else "the answers are alike, but the component's log shows that it failed"
            )
        case Outcome.INCONCLUSIVE:
            said = f"{counts[ExchangeVerdict.NOT_COMPARABLE]} of {probes} could not be compared"
            if not counts[ExchangeVerdict.NOT_COMPARABLE]:
                said = f"{comparison.blind_spots.share:.1%} of what was answered could not be compared"
    replayed = ""
    if comparison.original.recorded:
        replayed = f" (the original replayed from a recording of {comparison.original.recorded})"
    elif comparison.original.url is not None:
        replayed = f" (the original a running instance, {safe(comparison.original.url)})"
    return f"{comparison.outcome.upper()}: {comparison.service}, {said} ({run.instances} instances){replayed}"


def sides(comparison: Comparison) -> tuple[str, str]:
    """Who was asked: one line each."""
    original, candidate = comparison.original, comparison.candidate
    runtime = f"{candidate.runtime} {candidate.version}, target {comparison.target}"
    known = (
        f"{original.image_digest[:19]} on {original.engine}"
        if original.url is None
        else f"{safe(original.url)}, a running instance"
    )
    return (
        f"original   {known}",
        f"candidate  {candidate.sha256[:12]} ({candidate.kind}, WASI {candidate.wasi}) on {runtime}",
    )


def metric_name(metric: str) -> str:
    """What a reader calls a metric."""
    for pattern, name in _PATTERNS:
        found = pattern.fullmatch(metric)
        if found:
            text = name.format(found[1])
            return text.replace("1 connections", "1 connection") if found[1] == "1" else text
    return METRICS.get(metric, metric)


def triples(
    comparison: Comparison,
) -> list[tuple[str, Measurement | None, Measurement | None, Measurement | None]]:
    """Metric, and its figure of the original, of the component and of the trivial handler, as measured."""
    by_key = {(one.metric, one.side): one for one in comparison.measurements}
    names = dict.fromkeys(one.metric.removeprefix(FLOOR) for one in comparison.measurements)
    return [
        (
            metric,
            by_key.get((metric, Side.ORIGINAL)),
            by_key.get((metric, Side.CANDIDATE)),
            by_key.get((FLOOR + metric, Side.CANDIDATE)),
        )
        for metric in names
    ]


def figures(comparison: Comparison) -> list[FigureRow]:
    """The measurements, side by side."""
    return [
        FigureRow(
            metric_name(metric),
            figure(original),
            figure(candidate),
            change(original, candidate),
            tuple(
                f"{who}: {one.method}"
                for who, one in (
                    (str(Side.ORIGINAL), original),
                    (str(Side.CANDIDATE), candidate),
                    ("host floor", floor),
                )
                if one is not None
            ),
            "" if floor is None else figure(floor, brief=True),
            same(original, candidate),
        )
        for metric, original, candidate, floor in triples(comparison)
    ]


def same(original: Measurement | None, candidate: Measurement | None) -> str:
    """How far the sides' own turns lie apart: the larger of both."""
    known = [one.same for one in (original, candidate) if one is not None and one.same is not None]
    return f"{max(known):.0%}" if known else ""


def figure(one: Measurement | None, *, brief: bool = False) -> str:
    """The median with its interval, p99 and n, or that there is none."""
    if one is None:
        return "-"
    if math.isnan(one.median):
        return "not measured"
    text = quantity(one.median, one.unit)
    if brief:
        return text
    if one.ci95 is not None:
        text += f" [{quantity(one.ci95[0], one.unit)}, {quantity(one.ci95[1], one.unit)}]"
    if one.p99 is not None:
        text += f", p99 {quantity(one.p99, one.unit)}"
    return f"{text}, n = {one.n:,}" if one.n > 1 else text


def change(original: Measurement | None, candidate: Measurement | None) -> str:
    """How the candidate compares; nothing is claimed where a figure is missing or the intervals overlap."""
    if original is None or candidate is None:
        return ""
    if math.isnan(original.median) or math.isnan(candidate.median) or original.median <= 0:
        return ""
    if not distinguishable(original, candidate):
        return "no difference shown"
    ratio = candidate.median / original.median
    return f"{(1 - ratio):.0%} less" if ratio < 1 else f"{ratio:.1f} times"


def tally(run: ProbeRun) -> str:
    """How many exchanges of a run are alike (as they came, or after allowed differences) and how many not."""
    count = Counter(exchange.verdict for exchange in run.exchanges)
    alike = count[ExchangeVerdict.EQUAL] + count[ExchangeVerdict.NORMALISED]
    text = f"{alike} alike"
    if count[ExchangeVerdict.NORMALISED]:
        text += f" ({count[ExchangeVerdict.NORMALISED]} after allowed differences, all listed)"
    different, unclear = count[ExchangeVerdict.DIFFERENT], count[ExchangeVerdict.NOT_COMPARABLE]
    return f"{text}, {different} different, {unclear} not comparable"


def normalisation_counts(comparison: Comparison) -> list[tuple[str, int, str]]:
    """Each normalisation that was applied in the deciding run: name, how often, an example."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for exchange in comparison.runs[0].exchanges:
        for one in exchange.normalisations:
            counts[one.name] += 1
            examples.setdefault(one.name, f"{safe(one.where)}: {safe(one.original)} / {safe(one.candidate)}")
    return [(name, count, examples[name]) for name, count in counts.most_common()]


def unequal(comparison: Comparison) -> list[Exchange]:
    """The exchanges of the deciding run that a reader must look at."""
    return [
        exchange
        for exchange in comparison.runs[0].exchanges
        if exchange.verdict in {ExchangeVerdict.DIFFERENT, ExchangeVerdict.NOT_COMPARABLE}
    ]


def why_not_comparable(exchange: Exchange) -> str:
    """One sentence."""
    if exchange.original.error:
        return f"the original did not answer: {safe(exchange.original.error)}"
    expected = exchange.probe.expect_status
    if expected is not None and exchange.original.status != expected:
        return f"the original answered {exchange.original.status}, the probe expects {expected}"
    return "the original did not answer every time"


def curl(sent: Sent, variable: str) -> str:
    """The request as a shell line; `variable` names the shell variable with the side's URL."""
    if sent.raw:
        data = base64.b64encode(sent.body[:_BODY_SHOWN]).decode()
        return f'echo {data} | base64 -d | nc -q 5 $(echo "${variable}" | sed "s,.*//,,; s,:, ,")'
    words = ["curl", "-i", "--max-time", "30", "--path-as-is"]
    if sent.method == "HEAD":
        words.append("-I")
    elif sent.method != "GET" or sent.body:
        words += ["-X", sent.method]
    for name, value in sent.headers:
        if name.lower() not in {"content-length", "user-agent", "accept"} or (
            name.lower() == "accept" and value != "*/*"
        ):
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
    prefix = ""
    if sent.body:
        text = _plain(sent.body)
        if len(sent.body) > _BODY_SHOWN:
            words += ["--data-binary", f"@body-of-{len(sent.body)}-bytes"]
        elif text is not None and not text.startswith("@"):
            words += ["--data-binary", text]
        else:
            prefix = f"echo {base64.b64encode(sent.body).decode()} | base64 -d | "
            words += ["--data-binary", "@-"]
    quoted = " ".join(shlex.quote(word) for word in words)
    path = re.sub(r'([\\"$`])', r"\\\1", sent.path)
    return f'{prefix}{quoted} "${variable}{path}"'


def _plain(body: bytes) -> str | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def start_lines(comparison: Comparison) -> tuple[str, str]:
    """How to start both sides for the curl lines."""
    url = comparison.original.url
    return (
        f"docker run --rm -P {comparison.original.image_digest}   # ORIGINAL=http://127.0.0.1:<its port>"
        if url is None
        else f"ORIGINAL={shlex.quote(url)}",
        f"dock2wasm serve --service {comparison.service} --port 8002   # CANDIDATE=http://127.0.0.1:8002",
    )
