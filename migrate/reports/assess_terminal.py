"""The report of `assess` for people: the verdict of each service, why, where it runs, what it would get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analyzers.model import (
    Advice,
    Assessment,
    Basis,
    Confidence,
    Effect,
    Evidence,
    Finding,
    Grant,
    GrantKind,
    Link,
    Listener,
    ServiceAssessment,
    Severity,
    TargetVerdict,
    Verdict,
)
from analyzers.redaction import redacted_evidence
from migrate.policy import Mark, Review, ReviewedService, plain
from migrate.reports.console import Style, columns, cut, cut_start, pad, printable, wrap
from migrate.reports.summary import (
    advice_on,
    by_use,
    callers,
    in_short,
    is_infrastructure,
    last_of_rule,
    named_in,
    of_scope,
    target_groups,
)

_VERDICT_COLORS = {Verdict.CONVERT: "green", Verdict.REFACTOR: "yellow", Verdict.KEEP: "red"}
_EFFECT_COLORS = {Effect.KEEP: "red", Effect.REFACTOR: "yellow", Effect.NONE: "cyan"}
_EVIDENCE = 4  # places shown of one finding; the JSON report has all
_ROUTES = 12  # of one service
_MINIMUM = 40


def render(assessment: Assessment, *, color: bool, width: int, review: Review | None = None) -> str:
    """The report as text of at most `width` columns (at least 40), ending with a newline.

    `review` says what is known and ignored (default: nothing is).
    """
    return _Report(review or plain(assessment), Style(color), max(width, _MINIMUM)).text()


class _Report:
    def __init__(self, review: Review, style: Style, width: int) -> None:
        self._review = review
        self._assessment = review.assessment
        self._style = style
        self._width = width
        self._lines: list[str] = []
        self._callers = callers(review.services)
        self._shown_at: dict[tuple[Finding, bool], str] = {}

    def text(self) -> str:
        inventory = self._assessment.inventory
        services = self._assessment.services
        commit = f" at {inventory.commit[:12]}" if inventory.commit else ""
        self._wrap(f"{inventory.root}{commit}: {_counted(len(services), 'service')}")
        if self._assessment.scope is not None:
            self._wrap(of_scope(self._assessment.scope))
        ordered = by_use(self._review.services)
        folded = [one for one in ordered if len(ordered) > 1 and is_infrastructure(one.assessment)]
        if len(ordered) > 1:
            self._summary([one.assessment for one in ordered])
        for reviewed in ordered:
            if reviewed not in folded:
                self._service(reviewed)
        self._folded(folded)
        self._not_read()
        self._failed()
        self._policy()
        return "\n".join(self._lines) + "\n"

    # --- parts ------------------------------------------------------------------------------

    def _summary(self, services: list[ServiceAssessment]) -> None:
        counts = [(verdict, sum(one.verdict is verdict for one in services)) for verdict in Verdict]
        self._wrap(", ".join(f"{count} {verdict}" for verdict, count in counts))
        wide = min(30, max(columns(printable(one.service.name)) for one in services))
        self._blank()
        for one in services:
            name = pad(cut(printable(one.service.name), wide), wide)
            verdict = self._verdict(one.verdict, pad=True)
            room = self._width - wide - 19
            line = f"  {name}  {verdict}  {one.score:>3}  {cut(printable(in_short(one)), max(2, room))}"
            self._lines.append(line.rstrip())

    def _folded(self, services: list[ReviewedService]) -> None:
        """Infrastructure is one line each: there is nothing to do about it."""
        if services:
            self._heading("stay as they are: their images are built elsewhere")
        for reviewed in services:
            one = reviewed.assessment
            (finding,) = one.findings[:1]
            place = f" ({finding.evidence[0]})" if finding.evidence else ""
            self._wrap(f"{one.service.name}: {finding.message}{place}", first="  - ")

    def _service(self, reviewed: ReviewedService) -> None:
        one = reviewed.assessment
        self._blank()
        name = printable(one.service.name)
        title = f"── {name} "
        self._lines.append(
            self._style(cut(title + "─" * max(2, self._width - columns(title)), self._width), "bold")
        )
        self._lines.append(
            f"{self._verdict(one.verdict)}  score {one.score}  confidence {self._confidence(one.confidence)}"
        )
        self._about(one)
        self._findings(one, tuple(reviewed.findings()))
        self._targets(one.targets)
        self._grants(one)
        self._unknown(one)
        self._routes(one)
        self._effort(one)
        self._gain(one)

    def _about(self, one: ServiceAssessment) -> None:
        service = one.service
        source = service.source
        what = [source.framework or source.language] if source else [service.language or "language not known"]
        if source and source.entry:
            what.append(f"entry {source.entry}")
        if source and source.server:
            what.append(f"served by {source.server}")
        what += [_listener(item) for item in service.listeners]
        self._wrap(", ".join(what), first="  ")
        where = [service.dockerfile or (f"image {service.image_name}" if service.image_name else "")]
        if service.image and service.image.stage:
            where.append(f"target {service.image.stage}")
        if service.compose:
            where.append(f"{service.compose.ref.file}: {service.compose.ref.service}")
        self._wrap(", ".join(part for part in where if part), first="  ")
        self._facets(one)
        if service.links:
            self._wrap(f"calls here: {', '.join(map(_link, service.links))}", first="  ")
        called_by = self._callers.get(service.name, ())
        if called_by:
            self._wrap(f"called by: {', '.join(dict.fromkeys(name for name, _ in called_by))}", first="  ")

    def _findings(self, one: ServiceAssessment, findings: tuple[tuple[Finding, Mark], ...]) -> None:
        serious, repeated = self._apart(one, [pair for pair in findings if _serious(pair[0])])
        notes = [pair for pair in findings if not _serious(pair[0])]
        found = [finding for finding, _ in serious]
        for position, (finding, mark) in enumerate(serious):
            self._blank()
            last = last_of_rule(found, position)
            self._finding(finding, mark, advice_on(one, finding.rule) if last else (), with_remedy=last)
        for name, rules in repeated.items():
            self._blank()
            counted = [f"{rule} ({count})" if count > 1 else rule for rule, count in Counter(rules).items()]
            self._wrap(f"the same findings, at the same lines, as {name}: {', '.join(counted)}")
        if notes:
            self._heading("notes")
            for finding, mark in notes:
                place = f" ({finding.evidence[0]})" if finding.evidence else ""
                said = f"; {_said(mark)}" if _said(mark) else ""
                self._wrap(f"{finding.rule}: {finding.message}{place}{said}", first="  - ")

    def _apart(
        self, one: ServiceAssessment, findings: list[tuple[Finding, Mark]]
    ) -> tuple[list[tuple[Finding, Mark]], dict[str, list[str]]]:
        """Findings to show; by service, the rules of those that were shown there (its source is shared)."""
        fresh: list[tuple[Finding, Mark]] = []
        repeated: dict[str, list[str]] = {}
        for finding, mark in findings:
            name = self._shown_at.setdefault((finding, mark.known), one.service.name)
            if name == one.service.name or not finding.evidence or mark.suppressed:
                fresh.append((finding, mark))
            else:
                repeated.setdefault(name, []).append(finding.rule)
        return fresh, repeated

    def _finding(self, finding: Finding, mark: Mark, advice: Sequence[Advice], *, with_remedy: bool) -> None:
        label = "note" if finding.effect is Effect.NONE else str(finding.effect)
        head = f"{label}[{finding.rule}]"
        lines = wrap(f"{head} {finding.message}", self._width, rest="  ")
        shown = printable(head)
        if lines[0].startswith(shown):
            lines[0] = self._style(shown, _EFFECT_COLORS[finding.effect], "bold") + lines[0][len(shown) :]
        self._lines += lines
        places = finding.evidence[:_EVIDENCE]
        gutter = max((len(str(place.line)) for place in places), default=1)
        for place in places:
            self._snippet(place, gutter, finding)
        if len(finding.evidence) > _EVIDENCE:
            self._note(gutter, f"and {_counted(len(finding.evidence) - _EVIDENCE, 'more place')}")
        sure = "" if finding.confidence is Confidence.HIGH else f"confidence {finding.confidence}, "
        needs = f"needs {' '.join(map(str, finding.needs))}, " if finding.needs else ""
        if sure or needs:
            self._note(gutter, f"{sure}{needs}".rstrip(", "))
        if _said(mark):
            self._note(gutter, _said(mark))
        if with_remedy:
            self._note(gutter, f"help: {finding.remedy}")
            for item in advice:
                self._note(gutter, f"advice: {item.text}")
            self._note(gutter, f"dock2wasm explain {finding.rule}")

    def _snippet(self, place: Evidence, gutter: int, finding: Finding) -> None:
        arrow = self._style("-->", "blue")
        bar = self._style("|", "blue")
        self._lines.append(
            f"{' ' * gutter} {arrow} {cut_start(printable(str(place)), self._width - gutter - 5)}"
        )
        snippet = printable(redacted_evidence(place).snippet).strip()
        if snippet:
            number = self._style(str(place.line).rjust(gutter), "blue")
            room = self._width - gutter - 3
            self._lines.append(f"{number} {bar} {cut(snippet, room)}")
            found = named_in(printable(finding.message), snippet)
            if found and columns(snippet[: found[1]]) < room:
                before, name = snippet[: found[0]], snippet[found[0] : found[1]]
                caret = self._style("^" * columns(name), _EFFECT_COLORS[finding.effect])
                self._lines.append(f"{' ' * gutter} {bar} {' ' * columns(before)}{caret}")

    def _note(self, gutter: int, text: str) -> None:
        lines = wrap(text, self._width, first=" " * (gutter + 1) + "= ")
        mark = " " * (gutter + 1)
        lines[0] = mark + self._style("=", "blue") + lines[0][len(mark) + 1 :]
        self._lines += lines

    def _targets(self, targets: tuple[TargetVerdict, ...]) -> None:
        self._heading("targets")
        for group in target_groups(targets):
            names = "all" if len(group.names) == len(targets) else ", ".join(group.names)
            lacks = f": lacks {', '.join(group.lacks)}" if group.lacks else ""
            lines = wrap(f"{names}{lacks}", self._width, first=f"  {group.verdict:<8}  ", rest=" " * 12)
            lines[0] = f"  {self._verdict(group.verdict, pad=True)}{lines[0][10:]}"
            self._lines += lines

    def _grants(self, one: ServiceAssessment) -> None:
        if one.verdict is Verdict.KEEP and not one.grants:
            return
        self._heading("grants")
        if not one.grants:
            self._lines.append("  none")
        for grant in one.grants:
            self._wrap(f"{describe_grant(grant)} ({grant.evidence})", first=f"  {pad(str(grant.kind), 8)}  ")

    def _unknown(self, one: ServiceAssessment) -> None:
        if one.unknown:
            self._heading("could not be settled by reading")
        for item in one.unknown:
            place = f" ({item.evidence})" if item.evidence else ""
            self._wrap(f"{item.what}{place}", first="  ? ")
            self._wrap(f"settled by {item.settle_with}", first="    ")

    def _facets(self, one: ServiceAssessment) -> None:
        facets = one.facets
        parts = [
            f"state {facets.state}",
            f"outbound {' '.join(facets.outbound) or 'none'}",
            f"native code {' '.join(facets.native_dependencies) or 'none'}",
            *(
                name
                for name, holds in (
                    ("GPU", facets.gpu),
                    ("starts programs", facets.processes),
                    ("privileged", facets.privileged),
                )
                if holds
            ),
        ]
        self._wrap(", ".join(parts), first="  ")

    def _routes(self, one: ServiceAssessment) -> None:
        routes = one.service.source.routes if one.service.source else ()
        if routes:
            self._heading(_counted(len(routes), "route"))
        for route in routes[:_ROUTES]:
            self._wrap(f"{route.path} ({route.evidence})", first=f"  {pad(printable(route.method), 6)} ")
        if len(routes) > _ROUTES:
            self._wrap(f"and {len(routes) - _ROUTES} more; the JSON report has all", first="  ")

    def _effort(self, one: ServiceAssessment) -> None:
        if one.verdict is Verdict.KEEP:
            return
        self._heading("effort")
        low, high = one.effort.low, one.effort.high
        self._wrap(f"{low:g} to {high:g} days: {'; '.join(one.effort.assumptions)}", first="  ")
        server = one.service.source.server if one.service.source else None
        if server:
            self._wrap(f"{server} is replaced by the adapter and the runtime.", first="  ")

    def _gain(self, one: ServiceAssessment) -> None:
        if not one.gain:
            return
        self._heading("what to expect")
        for gain in one.gain:
            self._wrap(f"{gain.metric}: {gain.expected}", first="  - ")
        how = "Measured on another service"
        if any(gain.basis is Basis.PROTOTYPE for gain in one.gain):
            how = "Measured on a prototype of another service"
        self._wrap(
            f"{how}; each source stands in the JSON and HTML reports; `dock2wasm validate` measures yours.",
            first="  ",
        )

    def _not_read(self) -> None:
        if not self._assessment.inventory.not_read and not self._assessment.rules_failed:
            self._blank()
            self._wrap("Everything was read, and no rule failed.")
        if self._assessment.inventory.not_read:
            self._heading("not read")
        for item in self._assessment.inventory.not_read:
            self._wrap(f"{item.path}: {item.reason}", first="  - ")

    def _failed(self) -> None:
        if self._assessment.rules_failed:
            self._heading("rules that failed (their silence is no pass)")
        for item in self._assessment.rules_failed:
            self._wrap(f"{item.rule} on {item.service}: {item.error}", first="  - ")

    def _policy(self) -> None:
        if self._review.idle:
            self._heading("ignores that do nothing")
        for item in self._review.idle:
            self._wrap(f"{item.where}: {item.rule} {item.why}", first="  - ")
        if self._review.gone:
            self._blank()
            self._wrap(f"Findings of the baseline that are gone: {len(self._review.gone)}. Write it anew.")

    # --- lines ------------------------------------------------------------------------------

    def _blank(self) -> None:
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def _heading(self, text: str) -> None:
        self._blank()
        self._lines += [self._style(line, "bold") for line in wrap(text, self._width)]

    def _wrap(self, text: str, first: str = "") -> None:
        self._lines += wrap(text, self._width, first=first)

    def _verdict(self, verdict: Verdict, *, pad: bool = False) -> str:
        shown = str(verdict).ljust(8) if pad else str(verdict).upper()
        return self._style(shown, _VERDICT_COLORS[verdict], "bold")

    def _confidence(self, confidence: Confidence) -> str:
        return self._style(str(confidence), "green" if confidence is Confidence.HIGH else "yellow")


def _serious(finding: Finding) -> bool:
    return finding.effect is not Effect.NONE or finding.severity is not Severity.INFO


def _said(mark: Mark) -> str:
    if mark.suppressed:
        return f"ignored ({mark.suppressed.where}): {mark.suppressed.reason}"
    return "known: it stands in the baseline" if mark.known else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listener(listener: Listener) -> str:
    return f"{listener.protocol} on port {listener.port}" if listener.port else f"{listener.protocol}"


def _link(link: Link) -> str:
    return f"{link.service} ({link.protocol}{f' {link.port}' if link.port else ''})"


def describe_grant(grant: Grant) -> str:
    """A grant in a few words; a secret without its value."""
    if grant.kind is GrantKind.ENV:
        return grant.name if grant.value is None else f"{grant.name}={grant.value}"
    if grant.kind is GrantKind.SECRET:
        return f"{grant.name}, passed at start"
    if grant.kind is GrantKind.DIR:
        return f"{grant.name} at {grant.guest} ({grant.mode})"
    if grant.kind is GrantKind.OUTBOUND:
        return f"{grant.scheme}://{grant.host}:{grant.port}"
    return grant.name
