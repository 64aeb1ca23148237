"""What is known of a repository, its services and what was judged of them.

Every class is frozen and does no I/O. Data crosses a border only in these forms. Paths are
relative to the repository's root, with forward slashes, unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

SCHEMA_VERSION = 1


class Confidence(StrEnum):
    """How sure a statement is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Severity(StrEnum):
    """How much a finding matters to the reader; the verdict follows `Effect`, never this."""

    BLOCKER = "blocker"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class Effect(StrEnum):
    """What a finding does to the verdict at the baseline."""

    KEEP = "keep"
    REFACTOR = "refactor"
    NONE = "none"


class Verdict(StrEnum):
    """The promise made for a service on a target."""

    CONVERT = "convert"
    REFACTOR = "refactor"
    KEEP = "keep"


class NeedKind(StrEnum):
    """Something a finding asks of a target before its effect falls away."""

    TCP = "tcp"
    DNS = "dns"
    UDP = "udp"
    STATE = "state"
    WRITE = "write"
    MOUNT = "mount"  # a folder outside the component, read-only
    BACKGROUND = "background"
    WEBSOCKET = "websocket"
    HTTP_OUT = "http-out"
    SECRET_ENV = "secret-env"
    NATIVE = "native"
    LANE = "lane"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One need; `detail` names the package of `native` or the language of `lane`.

    Written `tcp` or `native:numpy`.
    """

    kind: NeedKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.detail}" if self.detail else str(self.kind)

    @classmethod
    def parse(cls, text: str) -> Need:
        """The need that `str()` wrote. Raises ValueError on an unknown kind."""
        kind, _, detail = text.partition(":")
        return cls(NeedKind(kind), detail)


class State(StrEnum):
    """The `state` facet; of several that hold, the first in this order is reported."""

    LOCAL_DISK = "local-disk"
    DATABASE = "database"
    IN_MEMORY = "in-memory"
    EXTERNAL_STORE = "external-store"
    NONE = "none"


class Inbound(StrEnum):
    """Protocol of a listener."""

    HTTP = "http"
    GRPC = "grpc"
    TCP = "tcp"
    UDP = "udp"
    WEBSOCKET = "websocket"
    NONE = "none"


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """A line of a file that shows something. `line` counts from 1; `snippet` is that line, trimmed."""

    path: str
    line: int
    snippet: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class FactKind(StrEnum):
    """What language readers look for in a source tree; rules judge it."""

    ENV_READ = "env-read"  # subject: variable; detail: default, or "" when required
    FILE_READ = "file-read"  # subject: path as written
    FILE_WRITE = "file-write"  # subject: path as written, or the call where it is computed
    MEMORY_STATE = "memory-state"  # subject: module.name that a request changes
    CACHE = "cache"  # subject: a memory cache whose loss costs time only
    SUBPROCESS = "subprocess"  # subject: the call, detail: program where known
    THREAD = "thread"  # subject: the call
    BACKGROUND = "background"  # subject: a loop or scheduler that runs beside requests
    LISTEN = "listen"  # subject: protocol; detail: port where known
    OUTBOUND = "outbound"  # subject: protocol; detail: host[:port] where known
    DATABASE = "database"  # subject: sqlite, postgres, mysql, mongodb, ...; detail: where
    WEBSOCKET = "websocket"  # subject: library or call
    GPU = "gpu"  # subject: library
    SIGNAL = "signal"  # subject: signal name
    DEVELOPMENT_SERVER = "development-server"  # subject: the call or command
    DYNAMIC_IMPORT = "dynamic-import"  # subject: the call whose module is computed
    COMPUTE = "compute"  # subject: library or call that is heavy on the CPU
    UNSUPPORTED_STDLIB = "unsupported-stdlib"  # subject: module that has no WASI build
    MAIN_BLOCK = "main-block"  # subject: a statement that runs only where the script is started
    HOST = "host"  # subject: the call that tells the machine's name
    FORWARD = (
        "forward"  # subject: upstream that requests are handed on to; detail: "main" where that is the point
    )
    WORKER = "worker"  # subject: broker or library whose messages the program waits for
    KERNEL = "kernel"  # subject: what of the kernel takes a privilege (eBPF, netlink, raw sockets)
    START_SECRET = "start-secret"  # subject: what makes it at each start; detail: a variable taken instead
    CLIENT_ADDRESS = "client-address"  # subject: the expression that reads the client's address


class Reach(StrEnum):
    """When code runs, as far as reading tells."""

    IMPORT = "import"
    REQUEST = "request"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something read from source that a rule may judge."""

    kind: FactKind
    subject: str
    evidence: tuple[Evidence, ...]
    detail: str = ""
    reach: Reach = Reach.REQUEST
    confidence: Confidence = Confidence.HIGH


class DependencyClass(StrEnum):
    """What a package needs on CPython for WASI (other languages use `pure`, `native`, `unknown`)."""

    PURE = "pure"
    PURE_FALLBACK = "pure-fallback"
    WASI_WHEEL = "wasi-wheel"
    NATIVE = "native"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A package that a manifest asks for, or (`implied`) one that such a package is known to need.

    `imported` tells whether reachable code imports it, be it (`brought`) only by way of another package:
    one that is native itself, or one that needs what no manifest names.
    """

    name: str  # normalised as the package registry does (PEP 503 for Python)
    version: str | None  # exact where pinned
    requirement: str  # as written
    evidence: Evidence
    kind: DependencyClass
    imported: bool
    implied: bool = False
    brought: bool = False


@dataclass(frozen=True, slots=True)
class EnvVar:
    """A variable that the image or compose sets. `value` is None where compose hands it through."""

    name: str
    value: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY or ADD of a final stage. `stage` is the --from stage or image, None for the context."""

    sources: tuple[str, ...]
    destination: str  # absolute, joined with the stage's WORKDIR
    stage: str | None
    evidence: Evidence
    is_add: bool = False
    inline: tuple[tuple[str, str], ...] = ()  # heredoc files: name, content
    excludes: tuple[str, ...] = ()  # patterns of COPY --exclude


@dataclass(frozen=True, slots=True)
class Run:
    """A RUN line. `command` is the shell text (heredoc bodies included) or the exec form, joined."""

    command: str
    workdir: str
    evidence: Evidence
    argv: tuple[str, ...] | None = None  # exec form only


@dataclass(frozen=True, slots=True)
class Command:
    """CMD, ENTRYPOINT or compose `command`: `argv`, or a shell line wrapped in the stage's SHELL."""

    argv: tuple[str, ...]
    shell: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """HEALTHCHECK. `command` is empty for NONE."""

    command: tuple[str, ...]
    shell: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Port:
    """An exposed port."""

    number: int
    protocol: str  # tcp, udp, sctp
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file of the repository that the image takes: where it is, where the image puts it."""

    source: str  # repository-relative
    guest: str  # absolute path in the image


@dataclass(frozen=True, slots=True)
class Image:
    """The facts of one Dockerfile's target stage, everything inherited from earlier stages resolved.

    `copies` and `runs` are those of the stage itself and of the stages it is FROM, oldest first.
    `base` is the external image at the bottom of that chain, variables expanded.
    """

    dockerfile: str
    context: str  # build context folder, "" for the root
    stage: str | None
    base: str
    base_evidence: Evidence
    env: tuple[EnvVar, ...]
    workdir: str
    user: str | None
    entrypoint: Command | None
    cmd: Command | None
    ports: tuple[Port, ...]
    volumes: tuple[tuple[str, Evidence], ...]
    healthcheck: Healthcheck | None
    copies: tuple[Copy, ...]
    runs: tuple[Run, ...]
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    files: tuple[TakenFile, ...] = ()  # what COPY and ADD take from the context, through all stages
    made: tuple[Copy, ...] = ()  # COPY --from lines whose files a RUN line or another image made
    unresolved: tuple[Evidence, ...] = ()  # lines whose variables reading cannot settle
    missing: tuple[Evidence, ...] = ()  # COPY and ADD lines whose source is not in the repository


@dataclass(frozen=True, slots=True)
class Listener:
    """Something the service listens on."""

    protocol: Inbound
    port: int | None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP route. `path` in the framework's own syntax."""

    method: str
    path: str
    evidence: Evidence

    @property
    def has_parameters(self) -> bool:
        return any(c in self.path for c in "<{:*")


@dataclass(frozen=True, slots=True)
class Link:
    """A connection to another service of the same repository."""

    service: str
    protocol: str
    port: int | None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class ComposeRef:
    """Where compose names the service."""

    file: str
    service: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A secret or config that compose lays into the container as a file.

    `file` is its source: repository-relative as `./path` where it is in the repository, else as written;
    None where it comes from elsewhere (`environment`, `external`, `content`).
    """

    name: str
    target: str  # absolute in the container
    file: str | None
    environment: str | None  # the variable of the reader's machine that holds it
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ComposeFacts:
    """What compose adds to an image. Fields are empty where compose is silent."""

    ref: ComposeRef
    environment: tuple[EnvVar, ...] = ()
    env_complete: bool = True  # False where an `env_file` that is asked for is not in the repository
    command: Command | None = None
    entrypoint: Command | None = None
    ports: tuple[Port, ...] = ()
    volumes: tuple[tuple[str, str, bool, Evidence], ...] = ()  # source, target, read-only
    privileges: tuple[
        tuple[str, Evidence], ...
    ] = ()  # privileged, cap_add X, devices X, pid host, network host
    gpu: tuple[Evidence, ...] = ()
    depends_on: tuple[str, ...] = ()
    working_dir: str | None = None
    build_args: tuple[EnvVar, ...] = ()  # None where the builder's environment gives the value
    user: str | None = None
    healthcheck: Healthcheck | None = None
    secrets: tuple[GivenFile, ...] = ()
    configs: tuple[GivenFile, ...] = ()
    networks: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()  # containers of other projects
    security_opt: tuple[tuple[str, Evidence], ...] = ()
    profiles: tuple[str, ...] = ()  # the service starts only when one of these is asked for
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a language reader found in the source that the image takes.

    `files` are those reachable from the entry, repository-relative. `root` is the folder that
    becomes the working directory. `interface` says how a server calls the application: `wsgi`,
    `asgi`, `http.server`, or None where reading could not tell.
    """

    language: str
    root: str
    framework: str | None
    entry: str | None  # e.g. "shop.wsgi:app" or "app:create_app()"
    entry_evidence: Evidence | None
    interface: str | None
    server: str | None  # gunicorn, uvicorn, flask, ...: replaced by the adapter
    dependencies: tuple[Dependency, ...] = ()
    facts: tuple[Fact, ...] = ()
    routes: tuple[Route, ...] = ()
    files: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()  # requirements files, lock files, in install order
    unknown: tuple[Unknown, ...] = ()
    workdir: str = "/"  # absolute in the image: where the program runs, `cd` and `--chdir` followed
    search_path: tuple[str, ...] = ()  # absolute in the image: where modules are looked for, in order


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something reading could not settle, and the flag or setting that does."""

    what: str
    settle_with: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One deployable of a repository."""

    name: str
    path: str  # folder of its source, "" for the root
    image: Image | None  # None for an image-only compose service
    image_name: str | None  # of an image-only compose service
    compose: ComposeFacts | None
    start_command: tuple[str, ...]  # as run, entrypoint included; shell scripts already followed
    start_evidence: tuple[Evidence, ...]
    port: int | None
    listeners: tuple[Listener, ...]
    source: Source | None  # None where no language reader claims it
    language: str | None
    links: tuple[Link, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    start_facts: tuple[Fact, ...] = ()  # what the start script does, where no reader claims the source
    committed: tuple[str, ...] = ()  # sources of compose's volumes that hold files of the repository

    @property
    def dockerfile(self) -> str | None:
        return self.image.dockerfile if self.image else None

    def facts(self, *kinds: FactKind) -> tuple[Fact, ...]:
        """Facts of these kinds, in reading order; where no source was read, those of the start script."""
        found = self.source.facts if self.source else self.start_facts
        return tuple(fact for fact in found if fact.kind in kinds)


@dataclass(frozen=True, slots=True)
class NotRead:
    """A path that was not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything read from one repository."""

    root: Path  # absolute
    commit: str | None
    services: tuple[Service, ...]
    not_read: tuple[NotRead, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one service."""

    rule: str
    severity: Severity
    confidence: Confidence
    effect: Effect
    weight: int
    message: str
    evidence: tuple[Evidence, ...]
    remedy: str
    needs: tuple[Need, ...] = ()
    help: str = ""  # documentation page, relative to the project's docs


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A rule that raised on a service; its silence is not a pass."""

    rule: str
    service: str
    error: str


class GrantKind(StrEnum):
    """One kind of capability a component gets."""

    ENV = "env"
    SECRET = "secret"
    DIR = "dir"
    OUTBOUND = "outbound"
    KV = "kv"


@dataclass(frozen=True, slots=True)
class Grant:
    """One capability that the component gets, and the line that shows it is needed.

    A secret carries no value, ever. `dir` uses `name` (host path), `guest` and `mode`;
    `outbound` uses `scheme`, `host` and `port`.
    """

    kind: GrantKind
    name: str
    evidence: Evidence
    value: str | None = None
    guest: str | None = None
    mode: str | None = None  # ro, rw
    scheme: str | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """The verdict on one target, and the needs that it does not give."""

    target: str
    verdict: Verdict
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """Short answers for every service; see `docs/verdict.md`."""

    state: State
    gpu: bool
    inbound: Inbound
    outbound: tuple[str, ...]
    native_dependencies: tuple[str, ...]
    processes: bool
    privileged: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """Days of work for one person who knows the service."""

    low: float
    high: float
    assumptions: tuple[str, ...]


class Basis(StrEnum):
    """What an expected figure rests on."""

    MEASURED = "measured"  # a component of the lane beside its container
    PROTOTYPE = "prototype"  # rough code that was run by hand, before there was a lane


@dataclass(frozen=True, slots=True)
class Gain:
    """An expected figure, with the measurement it comes from. `date` is that of the measurement, ISO 8601."""

    metric: str
    expected: str
    source: str
    basis: Basis
    date: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What could be done about a finding beyond its remedy, and where that is known from.

    `rule` is the finding's; `date` is that of the source, ISO 8601. Advice is no promise and changes nothing.
    """

    rule: str
    text: str
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class ServiceAssessment:
    """The verdict on one service with everything it rests on."""

    service: Service
    lane: str | None
    verdict: Verdict
    score: int  # 0-100
    confidence: Confidence
    targets: tuple[TargetVerdict, ...]
    facets: Facets
    effort: Effort
    findings: tuple[Finding, ...]
    grants: tuple[Grant, ...]
    gain: tuple[Gain, ...] = ()
    changes: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What part of a repository was assessed: the services that changes since a commit touch.

    `since` is the name that was asked for, `commit` the one compared with (where both histories part),
    `changed` the paths that differ from it, `left_out` the names of the services not assessed.
    """

    since: str
    commit: str
    changed: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts on a repository, on all of it unless `scope` says which part."""

    inventory: Inventory
    services: tuple[ServiceAssessment, ...]
    tool_version: str
    rules_version: str
    rules_failed: tuple[RuleFailure, ...] = field(default=())
    scope: Scope | None = None
