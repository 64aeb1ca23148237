"""The course of a validation: original, candidate, comparison, figures, recording."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzers.model import Grant, GrantKind, ServiceAssessment
from migrate.errors import EngineError, OriginalError, RuntimeStartError
from migrate.model import (
    Answer,
    BlindSpots,
    CandidateInfo,
    Comparison,
    Component,
    Difference,
    DifferenceKind,
    Exchange,
    ExchangeVerdict,
    Instances,
    LogFinding,
    Measurement,
    OriginalInfo,
    Outcome,
    ProbeRun,
    ProbeSet,
    Recording,
    Sent,
    Side,
)
from migrate.processes import signals_raise
from migrate.progress import Progress
from migrate.reports.wire.probes import digest as probes_digest
from migrate.runtimes import Runtime, ServeRequest
from migrate.runtimes import runtime as runtime_named
from migrate.validate import (
    budgets,
    compare,
    engine,
    image,
    instance,
    logs,
    measuring,
    neighbours,
    original,
    probes,
    recording,
    requests,
    scratch,
)
from migrate.validate import context as contexts
from migrate.validate.measuring import claims
from migrate.validate.neighbourhood import Neighbourhood
from migrate.validate.session import HOST, Conversation

if TYPE_CHECKING:
    from docker import DockerClient

Answers = tuple[tuple[str, Sent, Answer], ...]
"""One conversation: probe id, request as sent, answer."""

Place = tuple[str, DifferenceKind, str]
"""Where something differs: probe id, kind, place in the answer."""

APART = 2.1
"""Seconds between a probe's two askings of the original, so that values that count seconds differ."""
ROUNDS = 5
"""How often what differs is asked again, at most: two containers and the component, until nothing differs."""
BLIND_LIMIT = 0.02
"""Share of places where nothing could be compared from which on the outcome is inconclusive."""


def _target(runtime: str, planned: Sequence[str]) -> str:
    """The target that a run stands for: the one the runtime is of, else the tree's first."""
    return runtime if runtime in planned or not planned else planned[0]


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What to validate and how.

    `probes` None takes `probes.yaml` of the tree, else what follows from the assessment. `requests` are files
    that are asked besides (`requests.read`, which knows `unsafe`). `recording` None is
    `recording.json` of the tree. `environment` (variables and secrets) is given to both sides on top of
    the tree's grants and written nowhere. `replay` uses the recording even where an engine answers.
    `original` is the URL of a running instance that stands for it (`instance.address`).
    """

    repository: Path
    tree: Path
    assessment: ServiceAssessment
    component: Component
    runtime: str = "wasmtime"
    probes: Path | None = None
    requests: tuple[Path, ...] = ()
    unsafe: bool = False
    recording: Path | None = None
    record: bool = False
    replay: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    measure: bool = True
    effort: measuring.Effort = measuring.QUICK
    cold_starts: int | None = None  # instead of the effort's
    budgets: tuple[budgets.Limit, ...] = ()
    target: str | None = None
    original: str | None = None
    neighbours: tuple[neighbours.Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class Original:
    """The original: its answers in two or more containers, how to get one more run, its log."""

    info: OriginalInfo
    runs: tuple[Answers, ...]
    again: Callable[[], Answers] | None  # None in replay
    log: str
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """The component on its runtime: how to start it for a conversation, and who it is."""

    info: CandidateInfo
    converse: Callable[[Instances], tuple[Answers, str, tuple[str, ...]]]
    """Answers, the runtime's log, and read-only files that were changed."""


def run(options: ValidateOptions, progress: Progress) -> Comparison:
    """Validate. Every container and process that was started is gone when this returns or raises.

    Raises EngineError (no engine and no recording), OriginalError, ProbesError, RecordingError,
    RuntimeStartError, ToolMissingError, ConfigError.
    """
    with signals_raise():
        return _run(options, progress)


def _run(options: ValidateOptions, progress: Progress) -> Comparison:
    from migrate.serve import COMPILED, request_for
    from migrate.tree import load

    service = options.assessment.service
    provenance = load(options.tree)
    asked = _probes(options)
    chosen = runtime_named(options.runtime)
    located = chosen.locate()
    with scratch.folder("validate") as work:
        request = request_for(
            options.tree, options.component, environment=options.environment, log=work / "candidate.log"
        )
        with progress.step(f"compile {options.component.path.name}"):
            component = chosen.precompile(options.component, options.tree / "build" / COMPILED)
        request = replace(request, component=component, ready_path=_ready_path(options))
        hashes = _Hashes(
            _context_hash(options),
            _probes_hash(asked, request, provenance.grants),
        )
        variables = neighbours.naming(service, request.environment)
        around = Neighbourhood(
            options.neighbours,
            variables,
            options.environment,
            options.repository,
            options.tree / "build",
            progress,
        )
        candidate = Candidate(
            CandidateInfo(
                component.sha256,
                component.kind,
                component.wasi,
                located.name.partition(" ")[0],
                located.version,
                component.path.stat().st_size,
            ),
            lambda instances: _converse(
                chosen,
                replace(request, instances=instances),
                asked,
                work,
                around,
                instance.host(options.original) if options.original else HOST,
            ),
        )
        with _original(options, asked, request, hashes, around, progress) as (known, client, setup):
            compared = compare_sides(known, candidate, asked, component.wasi, progress)
            measurements: tuple[Measurement, ...] = ()
            machine = measuring.machine()
            if options.measure:
                effort = replace(
                    options.effort, cold_starts=options.cold_starts or options.effort.cold_starts
                )
                with contextlib.ExitStack() as stack:
                    theirs = stack.enter_context(around.of_original(setup)) if setup else None
                    ours = stack.enter_context(around.of_candidate(request))
                    subjects = measuring.Subjects(
                        chosen,
                        ours,
                        known.runs[0],
                        client,
                        theirs,
                        known.info.image_size,
                        known.measurements,
                        effort,
                    )
                    measurements = measuring.take(subjects, progress)
            if options.record and client is not None:
                path = options.recording or options.tree / "recording.json"
                figures = tuple(one for one in measurements if one.side is Side.ORIGINAL)
                kept = Recording(known.info, recording.now(), hashes.probes, known.runs[:2], figures)
                recording.save(kept, path)
                progress.note(f"  recorded: {path}")
    return Comparison(
        service=service.name,
        target=options.target or _target(options.runtime, provenance.targets),
        outcome=compared.outcome,
        original=known.info,
        candidate=candidate.info,
        probes=asked,
        runs=compared.runs,
        blind_spots=compared.blind_spots,
        measurements=measurements,
        grants=provenance.grants,
        imports=component.imports,
        log_findings=compared.log_findings,
        notes=(*known.notes, *_notes(around), *compared.notes),
        promise=provenance.promise,
        machine=machine,
        claims=claims.judge(measurements),
        budgets=budgets.judge(options.budgets, measurements),
    )


def _notes(around: Neighbourhood) -> tuple[str, ...]:
    if around.client is None and around.neighbours:
        names = ", ".join(one.name for one in around.neighbours)
        return (f"Neighbours are not started without an engine: {names}. The component ran without them.",)
    return neighbours.notes(around.neighbours, around.variables)


@dataclass(frozen=True, slots=True)
class _Hashes:
    context: str
    probes: str


def _probes(options: ValidateOptions) -> ProbeSet:
    beside = options.tree / "probes.yaml"
    if options.probes is not None:
        own = probes.load(options.probes)
    elif beside.is_file():
        own = probes.load(beside)
    else:
        own = probes.default(options.assessment.service)
    more = [requests.read(file, unsafe=options.unsafe) for file in options.requests]
    return requests.merged([own, *more]) if more else own


def _ready_path(options: ValidateOptions) -> str:
    """Asked until an answer of any status comes: the HEALTHCHECK's path does the least work."""
    return probes.health_path(options.assessment.service) or "/"


def _probes_hash(asked: ProbeSet, request: ServeRequest, grants: Sequence[Grant]) -> str:
    plain = {grant.name for grant in grants if grant.kind is GrantKind.ENV and grant.value is not None}
    return probes_digest(
        asked,
        {name: value for name, value in request.environment.items() if name in plain},
        [name for name in request.environment if name not in plain],
    )


def _context_hash(options: ValidateOptions) -> str:
    if options.original is not None:
        return ""  # what a running instance was built from is not known
    service = options.assessment.service
    return contexts.digest(_context(options)) if service.image else f"image:{service.image_name}"


def _context(options: ValidateOptions) -> contexts.BuildContext:
    found = options.assessment.service.image
    if found is None:
        raise OriginalError(f"{options.assessment.service.name} has no Dockerfile to build.")
    compose = options.assessment.service.compose
    return contexts.read(
        options.repository,
        context=found.context,
        dockerfile=found.dockerfile,
        target=found.stage,
        args={one.name: one.value for one in compose.build_args if one.value is not None}
        if compose
        else None,
        leave_out=(options.tree,),
    )


# --- the original --------------------------------------------------------------------------


@contextlib.contextmanager
def _original(
    options: ValidateOptions,
    asked: ProbeSet,
    request: ServeRequest,
    hashes: _Hashes,
    around: Neighbourhood,
    progress: Progress,
) -> Iterator[tuple[Original, DockerClient | None, original.Setup | None]]:
    """The original's answers, from containers, a running instance or the recording; the engine's client."""
    if options.original is not None:
        yield _asked_instance(options.original, _ready_path(options), asked, progress), None, None
        return
    if options.replay:
        yield _replayed(options, asked, hashes), None, None
        return
    with contextlib.ExitStack() as stack:
        try:
            client = stack.enter_context(engine.connect())
        except EngineError as error:
            path = options.recording or options.tree / "recording.json"
            if options.record or not path.is_file():
                raise EngineError(
                    error.what,
                    why=error.why,
                    do=f"{error.do} Without an engine a recording can stand for the original: {path} "
                    "(made by `dock2wasm validate --record` where there is one).",
                ) from error
            progress.note(f"  no Docker engine: {error.why or error.what}")
            yield _replayed(options, asked, hashes), None, None
            return
        for name in engine.remove_leftovers(client):
            progress.note(f"  removed {name}, left behind by a run that was killed")
        around.client = client
        built = _image(client, options, hashes, progress)
        setup = original.setup_for(
            options.assessment.service, built.attributes, request.environment, request.ready_path
        )
        with progress.step("start the original"), around.of_original(setup) as placed:
            tried, note = original.with_capabilities_where_needed(client, placed)
        setup = replace(setup, bare=tried.bare)
        known = _asked_original(client, setup, built, asked, hashes, around, progress)
        yield replace(known, notes=(note,) if note else ()), client, setup


def _image(
    client: DockerClient, options: ValidateOptions, hashes: _Hashes, progress: Progress
) -> image.Image:
    service = options.assessment.service
    if service.image is None:
        return image.inspect(client, service.image_name or "")
    context = _context(options)
    for path in context.skipped:
        progress.note(f"  {path} is no file that an image can take; left out")
    log = options.tree / "build" / "original.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    name = f"dock2wasm/{service.name}:{hashes.context.removeprefix('sha256:')[:16]}"
    return image.build(client, context, name=name, log=log, progress=progress)


def _asked_original(
    client: DockerClient,
    setup: original.Setup,
    built: image.Image,
    asked: ProbeSet,
    hashes: _Hashes,
    around: Neighbourhood,
    progress: Progress,
) -> Original:
    log: list[str] = []

    def again() -> Answers:
        with around.of_original(setup) as placed, original.running(client, placed) as container:
            answers = converse(container.url, asked)
            container.check()
            log.append(container.logs())
        return answers

    runs = []
    for number in (1, 2):
        with progress.step(f"ask the original ({len(asked.probes)} probes, container {number} of 2)"):
            started = time.monotonic()
            runs.append(again())
            if number == 1:
                time.sleep(max(0.0, APART - (time.monotonic() - started)))
    info = OriginalInfo(built.id, hashes.context, engine.describe(client), image_size=built.size)
    return Original(info, tuple(runs), again, log[0])


def _asked_instance(url: str, path: str, asked: ProbeSet, progress: Progress) -> Original:
    asked_at = float("-inf")

    def again() -> Answers:
        nonlocal asked_at
        time.sleep(max(0.0, APART - (time.monotonic() - asked_at)))
        asked_at = time.monotonic()
        answers = converse(url, asked, instance.host(url))
        instance.require_some(url, answers)
        return answers

    instance.require_answer(url, path)
    runs = []
    for number in (1, 2):
        with progress.step(f"ask the running instance ({len(asked.probes)} probes, {number} of 2)"):
            runs.append(again())
    return Original(
        OriginalInfo("", "", "", url=url),
        tuple(runs),
        again,
        "",
        instance.figures(url),
        instance.notes(url, asked),
    )


def _replayed(options: ValidateOptions, asked: ProbeSet, hashes: _Hashes) -> Original:
    kept = recording.load(options.recording or options.tree / "recording.json")
    recording.require_fresh(
        kept,
        context_hash=hashes.context,
        probes_hash=hashes.probes,
        probes=tuple(probe.id for probe in asked.probes),
    )
    figures = tuple(
        replace(one, method=f"{one.method}; recorded {kept.date}, on the machine of that day")
        for one in kept.measurements
    )
    return Original(replace(kept.original, recorded=kept.date), kept.runs, None, "", figures)


def converse(url: str, asked: ProbeSet, host: str = HOST) -> Answers:
    """Ask one server everything, in order."""
    conversation = Conversation(url, host)
    return tuple((probe.id, *conversation.ask(probe)) for probe in asked.probes)


# --- the candidate -------------------------------------------------------------------------


def _converse(
    chosen: Runtime, request: ServeRequest, asked: ProbeSet, work: Path, around: Neighbourhood, host: str
) -> tuple[Answers, str, tuple[str, ...]]:
    log = work / f"candidate-{time.monotonic_ns()}.log"
    with around.of_candidate(replace(request, log=log)) as given, chosen.start(given) as server:
        answers = converse(server.url, asked, host)
        alive = server.alive()
        changed = server.changed()
    text = log.read_text("utf-8", "replace") if log.is_file() else ""
    if not alive:
        end = "\n".join(text.splitlines()[-40:])
        raise RuntimeStartError(
            f"The runtime with {request.component.path.name} ended while it was asked.",
            why=end,
            do="Run `dock2wasm serve` and ask it.",
        )
    return answers, text, changed


# --- comparing -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing found."""

    outcome: Outcome
    runs: tuple[ProbeRun, ...]
    blind_spots: BlindSpots
    log_findings: tuple[LogFinding, ...]
    notes: tuple[str, ...]


def compare_sides(
    known: Original, candidate: Candidate, asked: ProbeSet, wasi: str, progress: Progress
) -> Compared:
    """Ask the candidate in each way of instances and judge. The first way decides."""
    ways = (Instances.FRESH, Instances.REUSED) if wasi == "0.2" else (Instances.RESIDENT,)
    runs = []
    findings: list[LogFinding] = []
    blind = BlindSpots(0, ())
    notes: list[str] = []
    settled: set[Place] = set()
    for way in ways:
        with progress.step(f"ask the component ({len(asked.probes)} probes, {way} instances)"):
            answers, log, changed = candidate.converse(way)
        run, spots, known = _judge(known, candidate, way, asked, answers, settled, progress)
        runs.append(run)
        settled |= {
            (exchange.probe.id, one.kind, one.where)
            for exchange in run.exchanges
            for one in exchange.differences
            if one.confirmed
        }
        if way is ways[0]:
            blind = spots
        for one in (
            logs.findings(known.log, log)
            if known.again is not None and known.info.url is None
            else _without_theirs(log)
        ):
            if one not in findings:
                findings.append(one)
        findings += [
            LogFinding(Side.CANDIDATE, path, "a read-only file was changed", fatal=True)
            for path in changed
            if not any(one.line == path for one in findings)
        ]
    deciding, *others = runs
    for other in others:
        worse = [e.probe.id for e in other.exchanges if e.verdict is ExchangeVerdict.DIFFERENT]
        mine = {e.probe.id for e in deciding.exchanges if e.verdict is ExchangeVerdict.DIFFERENT}
        only = [probe for probe in worse if probe not in mine]
        if only:
            notes.append(
                f"With instances reused {len(only)} more probes differ ({', '.join(only[:5])}): "
                "run it on fresh instances only."
            )
    return Compared(
        outcome_of(deciding.exchanges, blind, findings), tuple(runs), blind, tuple(findings), tuple(notes)
    )


def _without_theirs(log: str) -> list[LogFinding]:
    """The component's log where the original's is not known: it may have written the same traceback."""
    return [
        one if one.fatal else replace(one, why=f"{one.why} (the original's log is not known)")
        for one in logs.scan(Side.CANDIDATE, log)
    ]


def outcome_of(exchanges: Sequence[Exchange], blind: BlindSpots, findings: Sequence[LogFinding]) -> Outcome:
    """Different where one exchange is or an instance died; equal where nearly all could be compared."""
    verdicts = {exchange.verdict for exchange in exchanges}
    if ExchangeVerdict.DIFFERENT in verdicts or any(one.fatal for one in findings):
        return Outcome.DIFFERENT
    if not exchanges or ExchangeVerdict.NOT_COMPARABLE in verdicts or blind.share >= BLIND_LIMIT:
        return Outcome.INCONCLUSIVE
    return Outcome.EQUAL


def _judge(
    known: Original,
    candidate: Candidate,
    way: Instances,
    asked: ProbeSet,
    answers: Answers,
    settled: Collection[Place],
    progress: Progress,
) -> tuple[ProbeRun, BlindSpots, Original]:
    """`settled` are the places whose differences another way of instances has confirmed."""
    judged = _compare_all(asked, known.runs, answers)
    seen_again: list[list[compare.Judgement]] = []
    if known.again is not None:
        for turn in range(ROUNDS):
            if not _open(asked, judged, settled):
                break
            with progress.step(f"ask again what differs ({turn + 1} of {ROUNDS})"):
                known = replace(known, runs=(*known.runs, known.again(), known.again()))
                more, _, _ = candidate.converse(way)
            judged = _compare_all(asked, known.runs, answers)
            seen_again.append(_compare_all(asked, known.runs, more))
    exchanges = []
    leaves = 0
    blind: list[str] = []
    for index, (probe, judgement) in enumerate(zip(asked.probes, judged, strict=True)):
        known_ones = {(kind, where) for name, kind, where in settled if name == probe.id}
        differences = _confirmed(judgement.differences, [again[index] for again in seen_again], known_ones)
        verdict = judgement.verdict
        if (
            verdict is ExchangeVerdict.DIFFERENT
            and differences
            and seen_again
            and not any(map(_sure, differences))
        ):
            verdict = ExchangeVerdict.NOT_COMPARABLE
        elif verdict is ExchangeVerdict.DIFFERENT and not differences:
            verdict = ExchangeVerdict.NORMALISED if judgement.normalisations else ExchangeVerdict.EQUAL
        leaves += judgement.leaves
        blind += [f"{probe.id}: {place}" for place in judgement.blind]
        _, sent_original, answer_original = known.runs[0][index]
        _, sent_candidate, answer_candidate = answers[index]
        exchanges.append(
            Exchange(
                probe,
                sent_original,
                sent_candidate,
                answer_original,
                answer_candidate,
                verdict,
                differences,
                judgement.normalisations,
                judgement.noise,
            )
        )
    return ProbeRun(way, tuple(exchanges)), BlindSpots(leaves, tuple(blind)), known


def _compare_all(asked: ProbeSet, runs: Sequence[Answers], answers: Answers) -> list[compare.Judgement]:
    return [
        compare.compare(
            probe,
            [run[index][2] for run in runs],
            answers[index][2],
            (runs[0][index][1], answers[index][1]),
        )
        for index, probe in enumerate(asked.probes)
    ]


def _sure(difference: Difference) -> bool:
    """Whether a difference shows that the sides differ: it was there every time, or it is a failure. A value
    that comes and goes may do so on both sides."""
    return difference.confirmed or difference.kind in {DifferenceKind.STATUS, DifferenceKind.ERROR}


def _open(asked: ProbeSet, judged: Sequence[compare.Judgement], settled: Collection[Place]) -> bool:
    """Whether anything differs that is not known to."""
    return any(
        (probe.id, one.kind, one.where) not in settled
        for probe, judgement in zip(asked.probes, judged, strict=True)
        for one in judgement.differences
    )


def _confirmed(
    differences: Sequence[Difference],
    again: Sequence[compare.Judgement],
    settled: Collection[tuple[DifferenceKind, str]],
) -> tuple[Difference, ...]:
    """Each difference, confirmed where it was there every time.

    One of a value that never came back is no difference: the candidate has answered as the original since. A
    status or a failure counts even if it came once, and a pace only if it came more often than not.
    """
    found = []
    for difference in differences:
        if not again and (difference.kind, difference.where) in settled:
            found.append(difference)
            continue
        times = sum(
            any(
                other.kind is difference.kind and other.where == difference.where for other in one.differences
            )
            for one in again
        )
        once = difference.kind in {DifferenceKind.STATUS, DifferenceKind.ERROR}
        if difference.kind is DifferenceKind.STREAMING and 2 * times < len(again):
            continue
        if again and not times and not once:
            continue
        found.append(replace(difference, confirmed=bool(again) and times == len(again)))
    return tuple(found)
