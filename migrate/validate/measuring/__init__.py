"""Measures both sides by one method each. What cannot be measured says why.

Statistics: median, 99th percentile (nearest rank, from n = 20 on), and a 95 % interval of the median by
bootstrap (fixed seed), from n = 5 on. Where the sides take turns, each side's odd turns are also compared
with its even ones (A/A): a difference between the sides that is smaller than that shows nothing.

Names of metrics: `floor-...` is the trivial handler on the same runtime (DESIGN's host floor),
`reused-...` an instance that answers again; `...-c8` means 8 connections, `latency-50` open loop at 50 % of
what the slower side can take, `memory-copy-10` one more copy of 10.
"""

from __future__ import annotations

from migrate.validate.measuring.all_figures import Subjects, take
from migrate.validate.measuring.effort import EFFORTS, FULL, QUICK, Effort
from migrate.validate.measuring.machine import machine

__all__ = ["EFFORTS", "FULL", "QUICK", "Effort", "Subjects", "machine", "take"]
