"""
## What it says

The service asks for a GPU or another accelerator, or uses libraries for one.

## Why

A component reaches no device. There is no interface for GPUs that the targets share.

## How to mend

Leave it in its container; a service in front of it that only speaks HTTP may move.

## What it cannot know

Whether a library that can use a GPU runs on the CPU here.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import at, compose, fact, image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="gpu",
    title="A GPU or accelerator is used",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=80,
    remedy="Leave it in its container.",
)
_BASES = ("nvidia/", "rocm/", "/cuda", "nvcr.io/")


def check(service: Service) -> Iterator[Finding]:
    if service.compose and service.compose.gpu:
        yield RULE.finding("Compose reserves a GPU.", service.compose.gpu)
    if service.image and any(mark in service.image.base.lower() for mark in _BASES):
        yield RULE.finding(
            f"The base image {service.image.base} is made for GPUs.",
            [service.image.base_evidence],
            confidence=Confidence.MEDIUM,
        )
    for found in service.facts(FactKind.GPU):
        yield RULE.finding(f"{found.subject} uses a GPU.", found.evidence, confidence=found.confidence)


def is_used(service: Service) -> bool:
    """The `gpu` facet."""
    return next(check(service), None) is not None


CASES = (
    bad("reserved by compose", service(with_compose=compose(gpu=(at("compose.yaml:9"),))), "compose.yaml:9"),
    bad(
        "a CUDA base image", service(of=image(base="nvidia/cuda:12.4.0-runtime-ubuntu22.04")), "Dockerfile:1"
    ),
    bad("a library", service(fact(FactKind.GPU, "torch.cuda", "model.py:2")), "model.py:2"),
    good("none", service()),
)
