"""
## What it says

No lane of dock2wasm takes the language of this service yet, or reading could not tell the language.

## Why

A lane is what turns a service of one language into a component. Without one the workload may fit
well, but nothing can be promised.

## How to mend

Wait for the lane (`needs` names it), or convert by hand. The remedy says what a rewrite would mean in the
service's language, the advice what its toolchains can do today, with version, source and date; all of them
stand in [toolchains](../toolchains.md).

## What it cannot know

How the service would behave: what is not read is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.infrastructure import Role, role_of
from analyzers.model import Confidence, Effect, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import compose, image, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.support import load, toolchains

RULE = Rule(
    id="no-lane",
    title="No lane takes this language yet",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=30,
    needs=(Need(NeedKind.LANE),),
    remedy="Wait for the lane, or convert by hand with the toolchain of the language.",
    effort=(3, 15),
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        if service.image_name is None:  # else image-only says more
            yield RULE.finding(
                "How this service is built could not be read.",
                [service.compose.ref.evidence if service.compose else None],
                needs=(),
                confidence=Confidence.LOW,
                remedy="Make its Dockerfile part of the repository, in a form that BuildKit accepts.",
            )
        return
    if service.source is None and _is_infrastructure(service.image.base):
        return  # infrastructure says more
    evidence = [service.image.base_evidence]
    if service.language is None:
        yield RULE.finding(
            "Reading could not tell in which language this service is written.",
            evidence,
            needs=(),
            confidence=Confidence.LOW,
            remedy="Make the start command of the Dockerfile name the program that is copied into the image.",
        )
        return
    lane = load().lane_for(service.language)
    need = Need(NeedKind.LANE, lane.name if lane else service.language)
    if lane is None or not load().at_baseline(lane.name, [need]):
        yield RULE.finding(
            f"No lane is proven for {service.language} services yet.",
            evidence,
            needs=(need,),
            remedy=_remedy(service.language, planned=lane is not None),
        )


def _remedy(language: str, *, planned: bool) -> str:
    """What to do today, in the terms of the language."""
    known = toolchains.load().get(language)
    if known is None:
        return RULE.remedy
    wait = (
        "Wait for the lane, or convert by hand"
        if planned
        else "Leave it in its container, or convert by hand"
    )
    return f"{wait}. {known.rewrite}"


def _is_infrastructure(base: str) -> bool:
    role = role_of(base)
    return role is not None and role is not Role.WEB_SERVER


CASES = (
    bad("Java", service(language="java"), "Dockerfile:1", effect=Effect.REFACTOR),
    bad("a language that could not be told", service(language=None), "Dockerfile:1"),
    bad(
        "a Dockerfile that could not be read",
        service(has_image=False, language=None, with_compose=compose()),
        "compose.yaml:2",
    ),
    good("Python", service()),
    good("infrastructure is another rule", service(language=None, of=image(base="postgres:16"))),
)
