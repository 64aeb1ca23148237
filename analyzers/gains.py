"""What a service can expect of a component: figures with the measurement that each comes from."""

from __future__ import annotations

from dataclasses import replace

from analyzers.model import Basis, FactKind, Gain, Service, Verdict
from analyzers.support import LaneGain, Support

_THROUGHPUT = "throughput"
# Measured, not guessed: the same source compiled for both sides.
_KERNELS = Gain(
    "compute",
    "",
    "Rust 1.95 -O3, wasmtime 49 beside native: SHA-256 4.2 times slower (no SHA instructions), n-body 1.23, "
    "sort 1.10, JSON 0.59; interpreters add their own: password hashes in pure Python or JavaScript take "
    "seconds where native code takes milliseconds",
    Basis.PROTOTYPE,
    "2026-11-22",
)


def gains(service: Service, support: Support, lane: str | None, verdict: Verdict) -> tuple[Gain, ...]:
    """Expected figures: the lane's measured ones, else those of a prototype of the language, else none.

    Where requests are heavy on the processor, the throughput is said to be lower and why.
    """
    if verdict is Verdict.KEEP or service.source is None:
        return ()
    found = support.lane(lane)
    figures = _of(found.gains if found else (), service.source.interface)
    figures = figures or _of(support.prototypes.get(service.source.language, ()), service.source.interface)
    heavy = service.facts(FactKind.COMPUTE)
    if not heavy:
        return figures
    names = ", ".join(dict.fromkeys(fact.subject for fact in heavy))
    place = next((f" ({evidence})" for fact in heavy for evidence in fact.evidence), "")
    lowered = tuple(
        replace(one, expected=f"{one.expected}; lower still where requests use {names}")
        if one.metric == _THROUGHPUT
        else one
        for one in figures
    )
    return (
        *lowered,
        replace(_KERNELS, expected=f"requests that use {names}{place} run slower than in the container"),
    )


def _of(rows: tuple[LaneGain, ...], interface: str | None) -> tuple[Gain, ...]:
    return tuple(row.gain for row in rows if row.interface in ("*", interface))
