"""What is planned, built, asked, answered, compared and measured.

Frozen and free of I/O, like `analyzers.model`. Bodies are bytes; times are seconds unless a
field's name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from analyzers.model import Finding, Grant, ServiceAssessment, TakenFile


class SnapshotApp(StrEnum):
    """Whether the application's own modules are imported at build time.

    AUTO: where nothing speaks against it; else at an instance's first request, and the build says why.
    ALWAYS: the build fails where something does.
    """

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


class Instances(StrEnum):
    """How a runtime hands requests to instances."""

    FRESH = "fresh"
    REUSED = "reused"
    RESIDENT = "resident"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A file that the image takes and the component does not, with the reason."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `convert` needs to write `wasm/<service>/`.

    `promise` is False when the verdict of a target is not `convert` and rules were accepted
    (`accepted`) instead.
    """

    assessment: ServiceAssessment
    repository: Path  # absolute
    output: Path  # absolute: <repository>/wasm/<service>
    lane: str
    targets: tuple[str, ...]
    kind: str  # http, command
    wasi: str  # 0.2, 0.3
    files: tuple[TakenFile, ...]
    excluded: tuple[Excluded, ...]
    grants: tuple[Grant, ...]
    snapshot_app: SnapshotApp = SnapshotApp.AUTO
    promise: bool = True
    accepted: tuple[str, ...] = ()

    @property
    def service_name(self) -> str:
        return self.assessment.service.name


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file of the generated tree. `path` is relative to the tree's root, with forward slashes."""

    path: str
    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A built component. `imports` and `exports` are WIT interface names with versions."""

    path: Path
    sha256: str
    kind: str
    wasi: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    precompiled: Path | None = None  # .cwasm of the runtime in `precompiled_by`
    precompiled_by: str = ""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A finished build."""

    component: Component
    log: Path
    cached: bool
    seconds: float
    findings: tuple[Finding, ...] = ()


# --- asking and answering ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capture:
    """A value taken from an answer, used as `{{name}}` in later probes of the same side.

    `source` is `header`, `json`, `regex` or `cookie`; `expression` a header or cookie name, a dotted
    JSON path (`items.0.id`), or a regular expression whose first group is taken from the body.
    """

    name: str
    source: str
    expression: str


class StepKind(StrEnum):
    """What a step on a raw connection does."""

    SEND = "send"
    PAUSE = "pause"
    READ = "read"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Step:
    """One step on a raw connection.

    SEND writes `data` `times` times; PAUSE waits `seconds`; READ waits for what `until` names: `head` (the
    next status line and fields, interim ones included), `answer` (the whole of the next final answer), `end`
    (the server closes), or `size` bytes of a body; CLOSE does what `until` names: `write` (half-close),
    `both`, or `reset`.
    """

    kind: StepKind
    data: bytes = b""
    times: int = 1
    seconds: float = 0.0
    until: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """A request to send to both sides; where there are `steps`, they are what is sent."""

    id: str
    method: str
    path: str  # with query, may hold {{captures}}
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False
    session: str | None = None  # name of the cookie jar that is used and filled
    captures: tuple[Capture, ...] = ()
    expect_status: int | None = None  # of the original; another one makes the probe useless and is said
    timeout: float = 30.0
    steps: tuple[Step, ...] = ()  # method and path are then those of the first request line, for reports


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """Probes and where they come from; `thin` explains why the set proves little, or is empty."""

    probes: tuple[Probe, ...]
    origin: str
    thin: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a body as it arrived: seconds after the request was sent, and its size."""

    at: float
    size: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side answered. `error` is set where no whole answer came.

    Of a body too long to keep, `body` holds the beginning and `full_sha256` and `full_size` the rest.
    """

    status: int
    headers: tuple[tuple[str, str], ...]  # as sent, order kept
    body: bytes
    seconds: float
    chunks: tuple[Chunk, ...] = ()
    error: str | None = None
    full_sha256: str | None = None
    full_size: int | None = None  # bytes
    interim: tuple[int, ...] = ()  # statuses of the 1xx answers before this one, where they were looked for


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was really sent to one side, captures and cookies filled in.

    `raw`: `body` holds all that was written to the connection, its beginning where it is long.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bool = False


class ExchangeVerdict(StrEnum):
    """How one exchange compares."""

    EQUAL = "equal"
    NORMALISED = "normalised"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not_comparable"


class DifferenceKind(StrEnum):
    """What part of an answer differs."""

    STATUS = "status"
    HEADER_MISSING = "header-missing"
    HEADER_ADDED = "header-added"
    HEADER_VALUE = "header-value"
    COOKIE = "cookie"
    BODY_TYPE = "body-type"
    BODY = "body"
    STREAMING = "streaming"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `where` is a header name, a JSON path or a line; values are shortened for reading."""

    kind: DifferenceKind
    where: str
    original: str
    candidate: str
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """A named normalisation that made two values equal, shown in the report."""

    name: str
    where: str
    original: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Noise:
    """A place where two runs of the original already differ."""

    where: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A probe, what was sent to both sides, what they answered, and how it compares."""

    probe: Probe
    sent_original: Sent
    sent_candidate: Sent
    original: Answer
    candidate: Answer
    verdict: ExchangeVerdict
    differences: tuple[Difference, ...] = ()
    normalisations: tuple[Applied, ...] = ()
    noise: tuple[Noise, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """All exchanges with one way of instances."""

    instances: Instances
    exchanges: tuple[Exchange, ...]


class Outcome(StrEnum):
    """The outcome of a validation."""

    EQUAL = "equal"
    DIFFERENT = "different"
    INCONCLUSIVE = "inconclusive"


class Side(StrEnum):
    """Who was measured."""

    ORIGINAL = "original"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure with its method, its n and its spread.

    Where nothing could be measured `values` is empty, `median` is NaN and `method` says why. Of many values
    `values` holds a sample at even ranks and `taken` how many there were.
    """

    metric: str
    side: Side
    unit: str
    values: tuple[float, ...]
    method: str
    median: float
    p99: float | None
    ci95: tuple[float, float] | None  # bootstrap interval of the median; None below n = 5
    same: float | None = None  # A/A: its odd and its even turns lie so far apart, as a share of the median
    taken: int | None = None

    @property
    def n(self) -> int:
        return len(self.values) if self.taken is None else self.taken


class Held(StrEnum):
    """What became of a claim here."""

    HOLDS = "holds"
    NOT = "does not hold"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the field says of WebAssembly, and what was measured here."""

    id: str
    claimed: str
    source: str
    measured: str
    method: str
    held: Held


class Kept(StrEnum):
    """What became of a budget."""

    MET = "met"
    EXCEEDED = "exceeded"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of `dock2wasm.toml` beside the figure. `limit` as it stands there: `<= 1.5`."""

    name: str
    limit: str
    measured: str
    kept: Kept


@dataclass(frozen=True, slots=True)
class OriginalInfo:
    """The original container that was asked, or the recording that stood for it."""

    image_digest: str
    context_hash: str
    engine: str
    recorded: str | None = None  # ISO date when replayed from a recording
    image_size: int | None = None  # bytes on disk
    url: str | None = None  # of a running instance; digest, hash and engine are then empty


@dataclass(frozen=True, slots=True)
class CandidateInfo:
    """The component and the runtime that ran it."""

    sha256: str
    kind: str
    wasi: str
    runtime: str
    version: str
    size: int


@dataclass(frozen=True, slots=True)
class LogFinding:
    """A line of a log that shows a trap, a panic or a traceback."""

    side: Side
    line: str
    why: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class BlindSpots:
    """Leaves of the answers of which nothing at all could be compared."""

    leaves: int
    blind: tuple[str, ...]

    @property
    def share(self) -> float:
        return len(self.blind) / self.leaves if self.leaves else 0.0


@dataclass(frozen=True, slots=True)
class Recording:
    """Answers of two containers of the original, kept for machines without a Docker engine."""

    original: OriginalInfo
    date: str
    probes_hash: str
    runs: tuple[tuple[tuple[str, Sent, Answer], ...], ...]  # two runs of (probe id, sent, answer)
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `validate`."""

    service: str
    target: str
    outcome: Outcome
    original: OriginalInfo
    candidate: CandidateInfo
    probes: ProbeSet
    runs: tuple[ProbeRun, ...]
    blind_spots: BlindSpots
    measurements: tuple[Measurement, ...] = ()
    grants: tuple[Grant, ...] = ()
    imports: tuple[str, ...] = ()
    log_findings: tuple[LogFinding, ...] = ()
    notes: tuple[str, ...] = field(default=())
    promise: bool = True
    machine: str = ""  # what the figures were taken on: processor, cores, load
    claims: tuple[Claim, ...] = ()
    budgets: tuple[Budget, ...] = ()
