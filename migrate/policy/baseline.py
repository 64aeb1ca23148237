"""What was known before: a file of findings and verdicts, so that only what is new fails a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.model import Effect, Finding, Severity, Verdict

_EFFECTS = (Effect.NONE, Effect.REFACTOR, Effect.KEEP)
_SEVERITIES = (Severity.INFO, Severity.MINOR, Severity.MAJOR, Severity.BLOCKER)


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding as the baseline keeps it; `path` and `message` are for people who read the file."""

    fingerprint: str
    rule: str
    severity: Severity
    effect: Effect
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service as the baseline keeps it."""

    name: str
    verdict: Verdict
    findings: tuple[KnownFinding, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """All that was known. `tool_version` and `rules_version` are those that judged."""

    tool_version: str
    rules_version: str
    services: tuple[KnownService, ...]

    def by_fingerprint(self) -> Mapping[str, KnownFinding]:
        """The known findings of all services."""
        return {finding.fingerprint: finding for one in self.services for finding in one.findings}

    def verdicts(self) -> Mapping[str, Verdict]:
        """The known verdicts, by service."""
        return {one.name: one.verdict for one in self.services}


def covers(known: KnownFinding, finding: Finding) -> bool:
    """Whether the finding is no worse than it was: with a stronger effect or severity it is new."""
    return _EFFECTS.index(finding.effect) <= _EFFECTS.index(known.effect) and _SEVERITIES.index(
        finding.severity
    ) <= _SEVERITIES.index(known.severity)
