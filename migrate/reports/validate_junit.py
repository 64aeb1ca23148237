"""A comparison as JUnit XML: a test case an exchange, a suite a way of instances, one for logs and budgets.

The form is the one that Jenkins, GitLab and GitHub's viewers read (`testsuites` of `testsuite` of `testcase`
with `failure`, `error` and `skipped`), as the Jenkins xunit plugin's schema `junit-10.xsd` describes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from migrate.model import Budget, Comparison, Exchange, ExchangeVerdict, Kept, LogFinding, ProbeRun
from migrate.reports.validate_text import curl, headline, safe, why_not_comparable

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(comparison: Comparison) -> str:
    """The report as XML, a line feed at its end."""
    root = ElementTree.Element("testsuites", name=_clean(f"dock2wasm validate {comparison.service}"))
    for run in comparison.runs:
        root.append(_run(comparison, run, decides=run is comparison.runs[0]))
    if comparison.log_findings or comparison.budgets:
        root.append(_others(comparison))
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _run(comparison: Comparison, run: ProbeRun, *, decides: bool) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=_clean(f"{comparison.service}, {run.instances} instances"))
    if decides:
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in (
            ("outcome", comparison.outcome),
            ("target", comparison.target),
            ("original", comparison.original.url or comparison.original.image_digest),
            ("candidate", comparison.candidate.sha256),
            ("headline", headline(comparison)),
        ):
            ElementTree.SubElement(properties, "property", name=name, value=_clean(str(value)))
    for exchange in run.exchanges:
        suite.append(_case(comparison, run, exchange, decides=decides))
    return _counted(suite)


def _case(comparison: Comparison, run: ProbeRun, exchange: Exchange, *, decides: bool) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=_clean(f"{comparison.service}.{run.instances}"),
        name=_clean(f"{exchange.probe.id}: {exchange.probe.method} {exchange.sent_original.path}"),
        time=f"{exchange.candidate.seconds:.6f}",
    )
    if exchange.verdict is ExchangeVerdict.NOT_COMPARABLE:
        _say(case, "error", "not comparable", why_not_comparable(exchange), _ways(exchange))
    elif exchange.verdict is ExchangeVerdict.DIFFERENT and decides:
        first = exchange.differences[0]
        _say(
            case, "failure", str(first.kind), f"{first.kind} {first.where}", "\n".join(_differences(exchange))
        )
    elif exchange.verdict is ExchangeVerdict.DIFFERENT:
        # Another way of running it: told, and no failure of what was promised.
        ElementTree.SubElement(
            case, "skipped", message=_clean(f"differs with {run.instances} instances, which decide nothing")
        )
    if exchange.normalisations:
        out = ElementTree.SubElement(case, "system-out")
        out.text = _clean(
            "\n".join(
                f"allowed difference {one.name} at {one.where}: {one.original} / {one.candidate}"
                for one in exchange.normalisations
            )
        )
    return case


def _differences(exchange: Exchange) -> Iterator[str]:
    for one in exchange.differences:
        yield f"{one.kind} {one.where}{'' if one.confirmed else ' (unconfirmed)'}"
        yield f"  original:  {one.original}"
        yield f"  component: {one.candidate}"
    yield _ways(exchange)


def _ways(exchange: Exchange) -> str:
    return "\n".join(
        (safe(curl(exchange.sent_original, "ORIGINAL")), safe(curl(exchange.sent_candidate, "CANDIDATE")))
    )


def _others(comparison: Comparison) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=_clean(f"{comparison.service}, logs and budgets"))
    for finding in comparison.log_findings:
        suite.append(_log(comparison, finding))
    for budget in comparison.budgets:
        suite.append(_budget(comparison, budget))
    return _counted(suite)


def _log(comparison: Comparison, finding: LogFinding) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=f"{comparison.service}.log", name=_clean(f"{finding.side}: {finding.why}")
    )
    if finding.fatal:
        _say(case, "failure", "log", f"{finding.why} in the log of the {finding.side}", finding.line)
    else:
        ElementTree.SubElement(case, "system-out").text = _clean(finding.line)
    return case


def _budget(comparison: Comparison, budget: Budget) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=f"{comparison.service}.budget", name=_clean(f"{budget.name} {budget.limit}")
    )
    if budget.kept is Kept.EXCEEDED:
        _say(case, "failure", "budget", f"{budget.name} is {budget.measured}", f"The limit: {budget.limit}.")
    elif budget.kept is Kept.UNMEASURED:
        _say(case, "error", "not measured", budget.measured, "")
    return case


def _say(case: ElementTree.Element, kind: str, name: str, message: str, text: str) -> None:
    said = ElementTree.SubElement(case, kind, type=_clean(name), message=_clean(message))
    said.text = _clean(text)


def _counted(suite: ElementTree.Element) -> ElementTree.Element:
    cases = suite.findall("testcase")
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.6f}")
    return suite


def _clean(text: str) -> str:
    """Characters that XML cannot hold become U+FFFD."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
