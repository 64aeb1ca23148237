"""An original against itself never differs: clocks, random ids, tokens, counters, lists that grow.

Recorded answers get noise of every sort that services have, another each time they are asked; both sides are
this one "service", asked as `validate` asks.
"""

from __future__ import annotations

import base64
import datetime
import json
import string
import uuid
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from migrate.model import Answer, CandidateInfo, Chunk, Instances, OriginalInfo, Outcome, Probe, ProbeSet
from migrate.progress import Silent
from migrate.validate.course import Answers, Candidate, Original, compare_sides
from tests.migrate.validate.test_mutations import cases, whole

INFO = OriginalInfo("sha256:" + "0" * 64, "sha256:" + "1" * 64, "docker 1 (linux/amd64)")
CANDIDATE = CandidateInfo("2" * 64, "http", "0.2", "fake", "1", 1000)
LETTERS = string.ascii_letters
EXCHANGES = 340
"""For each of three fixtures. A thousand of each were asked for real, see docs/normalisations.md."""


class Service:
    """Recorded answers with simulated noise; `now` and `served` go on as those of a process do."""

    def __init__(self, seed: int, answers: list[tuple[str, Answer]]) -> None:
        self.numbers = Random(seed)  # noqa: S311 - the same every time, guarding nothing
        self.answers = answers
        self.now = 1795300000.25
        self.served = 0

    def letters(self, alphabet: str, length: int) -> str:
        return "".join(self.numbers.choice(alphabet) for _ in range(length))

    def kinds(self) -> dict[str, Callable[[], object]]:
        number, letters = self.numbers, self.letters
        when = datetime.datetime.fromtimestamp(self.now, datetime.UTC)
        return {
            "uuid": lambda: str(uuid.UUID(int=number.getrandbits(128), version=4)),
            "hex": lambda: letters("0123456789abcdef", 32),
            "short hex": lambda: letters("0123456789abcdef", 4),
            "base36": lambda: letters(string.digits + string.ascii_lowercase, 8),
            "ulid": lambda: "01" + letters("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24),
            "token": lambda: base64.urlsafe_b64encode(number.randbytes(24)).decode().rstrip("="),
            "base64": lambda: base64.b64encode(number.randbytes(number.choice((20, 21, 22)))).decode(),
            "signed": lambda: (
                f"eyJhIjoxfQ.{letters(string.ascii_letters, 6)}.{letters(string.ascii_letters, 27)}"
            ),
            "seconds": lambda: int(self.now),
            "milliseconds": lambda: int(self.now * 1000),
            "float": lambda: self.now,
            "iso": when.isoformat,
            "clock": lambda: when.strftime("%H:%M:%S"),
            "http": lambda: when.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "took": lambda: number.expovariate(200),
            "took text": lambda: f"{number.expovariate(200) * 1000:.1f} ms",
            "counter": lambda: self.served,
            "process": lambda: number.randrange(2, 40000),
            "random": lambda: number.randrange(10**9),
            "choice": lambda: number.choice(["red", "green", "a longer one"]),
            "growing": lambda: [
                {"id": letters("0123456789abcdef", 8), "n": n} for n in range(number.randint(1, 9))
            ],
            "table": lambda: {letters(string.ascii_lowercase, 6): {"at": self.now}},
        }

    def ask(self) -> Answers:
        self.now += 2.5
        found = []
        for name, answer in self.answers:
            self.served += 1
            self.now += 0.01
            found.append((name, SENT[name], self.noisy(answer)))
        return tuple(found)

    def noisy(self, answer: Answer) -> Answer:
        values = {name: make() for name, make in self.kinds().items()}
        texts = {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}
        headers = [(f"X-{name.replace(' ', '-')}", text) for name, text in texts.items()]
        headers.append(("Set-Cookie", f"sid={texts['signed']}; Path=/; Expires={texts['http']}"))
        kept = [pair for pair in answer.headers if pair[0].lower() not in {"content-length", "etag"}]
        body = self.body(dict(answer.headers).get("Content-Type", ""), answer.body, values, texts)
        return replace(answer, headers=(*kept, *headers), body=body, chunks=(Chunk(0.01, len(body)),))

    def body(self, media: str, body: bytes, values: dict[str, object], texts: dict[str, str]) -> bytes:
        try:
            if "json" in media:
                return json.dumps({"was": json.loads(body), "noise": values}).encode()
        except ValueError:
            return body
        if media.startswith("text/html"):
            rows = "".join(
                f"<tr><td>{name}<td title='{text}'>It is {text} now.</tr>" for name, text in texts.items()
            )
            script = f"\nvar token = {texts['hex']!r};\nvar at = {texts['float']};\n"
            return body + f"<table>{rows}</table><script>{script}</script>".encode()
        if media.startswith("text/"):
            return body + "".join(f"\n{name}: {text}" for name, text in texts.items()).encode()
        return body


SENT = {case.name: case.sent[0] for case in cases()}


def _answering(service: Service) -> Callable[[Instances], tuple[Answers, str, tuple[str, ...]]]:
    return lambda _: (service.ask(), "", ())


@pytest.mark.parametrize("fixture", sorted({case.name.partition(" ")[0] for case in cases()}))
def test_nothing_differs(fixture: str) -> None:
    own = [case for case in cases() if case.name.startswith(f"{fixture} ") and whole(case)]
    own = [case for case in own if not case.wire.bodiless and len(case.candidate.chunks) < 3]
    asked = ProbeSet(
        tuple(Probe(case.name, case.sent[0].method, case.sent[0].path) for case in own), "recorded"
    )
    done = 0
    while done < EXCHANGES:
        service = Service(done, [(case.name, case.originals[0]) for case in own])
        known = Original(INFO, (service.ask(), service.ask()), service.ask, "")
        candidate = Candidate(CANDIDATE, _answering(service))
        found = compare_sides(known, candidate, asked, "0.3", Silent())
        (run,) = found.runs
        assert run.instances is Instances.RESIDENT
        assert [(e.probe.id, e.differences) for e in run.exchanges if e.differences] == []
        assert found.outcome is Outcome.EQUAL, found.blind_spots
        done += len(run.exchanges)
