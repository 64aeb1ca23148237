"""What a rule is made of. Its documentation is its module's docstring, its cases stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from analyzers.model import Confidence, Effect, Evidence, Finding, Need, Service, Severity

Check = Callable[[Service], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `id` never changes once released: people write it into `--accept`.

    `effect` and `weight` (points of 100) hold at the baseline where the rule's needs are not given;
    `effort` is days of work for one person who knows the service, from and to.
    """

    id: str
    title: str
    severity: Severity
    effect: Effect
    weight: int
    remedy: str
    confidence: Confidence = Confidence.HIGH
    needs: tuple[Need, ...] = ()
    effort: tuple[float, float] = (0, 0)

    def finding(
        self,
        message: str,
        evidence: Iterable[Evidence | None],
        *,
        confidence: Confidence | None = None,
        needs: tuple[Need, ...] | None = None,
        effect: Effect | None = None,
        weight: int | None = None,
        severity: Severity | None = None,
        remedy: str | None = None,
    ) -> Finding:
        """A finding of this rule; what is not given is the rule's own.

        Without an effect there are no needs, no weight, and the severity is `info` unless given.
        """
        effect = self.effect if effect is None else effect
        harmless = effect is Effect.NONE
        weight = self.weight if weight is None and (effect is self.effect or not harmless) else weight or 0
        return Finding(
            rule=self.id,
            severity=severity or (Severity.INFO if harmless else self.severity),
            confidence=confidence or self.confidence,
            effect=effect,
            weight=weight,
            message=message,
            evidence=tuple(dict.fromkeys(item for item in evidence if item is not None)),
            remedy=self.remedy if remedy is None else remedy,
            needs=() if harmless else self.needs if needs is None else needs,
            help=f"rules/{self.id}.md",
        )


@dataclass(frozen=True, slots=True)
class Case:
    """An example of a rule, and a test of it: a constructed service, or the files of a repository.

    `at` names the first evidence of each expected finding (`path:line`, "" for none) in order; empty
    means that the rule is silent. `effects` are the findings' effects, where they matter.
    """

    name: str
    at: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    service: Service | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def bad(
    name: str,
    given: Service | Mapping[str, str],
    *at: str,
    effect: Effect | tuple[Effect, ...] | None = None,
) -> Case:
    """A case in which the rule speaks, at these places."""
    effects = () if effect is None else (effect,) if isinstance(effect, Effect) else effect
    if isinstance(given, Service):
        return Case(name, at, effects, service=given)
    return Case(name, at, effects, files=given)


def good(name: str, given: Service | Mapping[str, str]) -> Case:
    """A case in which the rule is silent."""
    return Case(name, service=given) if isinstance(given, Service) else Case(name, files=given)
