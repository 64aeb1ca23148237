"""JUnit XML: well-formed, in the form that its readers know, one test case an exchange."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from migrate.model import Budget, Comparison, ExchangeVerdict, Instances, Kept, ProbeRun
from migrate.reports import validate_junit
from tests.migrate.reports.test_validate_reports import comparison

# What junit-10.xsd of the Jenkins xunit plugin allows: children, required and optional attributes.
FORM: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "disabled", "errors"}),
    "testsuite": (
        {"properties", "testcase", "system-out", "system-err"},
        {"name", "tests"},
        {"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"},
        {"name", "classname"},
        {"assertions", "time", "status"},
    ),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}


def conforms(element: ElementTree.Element) -> None:
    children, required, optional = FORM[element.tag]
    assert required <= set(element.keys()) <= required | optional, element.tag
    for child in element:
        assert child.tag in children
        conforms(child)
    if element.tag == "testsuite":
        cases = element.findall("testcase")
        assert int(element.get("tests", "-1")) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(name, "-1")) == sum(case.find(tag) is not None for case in cases)


def parsed(given: Comparison) -> ElementTree.Element:
    root = ElementTree.fromstring(validate_junit.render(given))  # noqa: S314 - our own report
    assert root.tag == "testsuites"
    conforms(root)
    return root


def test_one_case_an_exchange_with_both_curl_lines() -> None:
    base = comparison()
    exchange = base.runs[0].exchanges[0]
    unclear = replace(exchange, verdict=ExchangeVerdict.NOT_COMPARABLE, differences=())
    equal = replace(exchange, verdict=ExchangeVerdict.EQUAL, differences=())
    given = replace(base, runs=(ProbeRun(Instances.FRESH, (exchange, unclear, equal)),))
    root = parsed(given)
    suite = root.findall("testsuite")[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "status"
    assert "$ORIGINAL" in (failure.text or "")
    assert "$CANDIDATE" in (failure.text or "")


def test_instances_that_decide_nothing_fail_nothing() -> None:
    base = comparison()
    given = replace(base, runs=(*base.runs, replace(base.runs[0], instances=Instances.REUSED)))
    second = parsed(given).findall("testsuite")[1]
    assert (second.get("failures"), second.get("skipped")) == ("0", "1")


def test_logs_and_budgets_are_cases_too() -> None:
    budgets = (
        Budget("size", "<= 1 MB", "2.0 MB", Kept.EXCEEDED),
        Budget("p99", "<= 1 ms", "no reason", Kept.UNMEASURED),
        Budget("cold_start", "<= 1 s", "100 ms", Kept.MET),
    )
    suite = parsed(replace(comparison(), budgets=budgets)).findall("testsuite")[-1]
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["4", "2", "1"]


def test_what_no_xml_can_hold_is_replaced() -> None:
    base = comparison()
    exchange = base.runs[0].exchanges[0]
    odd = replace(exchange.differences[0], original="\x00\ud800\x1b]]>&<", where="\ufffe")
    given = replace(base, runs=(ProbeRun(Instances.FRESH, (replace(exchange, differences=(odd,)),)),))
    failure = parsed(given).find("testsuite/testcase/failure")
    assert failure is not None
    assert "]]>&<" in (failure.text or "")
