"""Tests native packages inside the component's own CPython: imports their modules, compares one call's value.

Run by componentize-py as a main module; /3 holds the adapter, whose `ssl` stands for the one that the
standard library lacks. Reads /0/tests.json, writes /0/result.json ({package: what is wrong}) and ends with
SystemExit on purpose: no component is wanted.
"""

import importlib
import json
import sys

sys.path.insert(0, "/3")


def problem(test):
    """What is wrong with one package, or nothing."""
    names = {}
    for name in [*test["modules"], *test["imports"]]:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return f"{name} cannot be imported: {type(error).__name__}: {error}"
        top = name.partition(".")[0]
        names[top] = importlib.import_module(top)
    if test["call"]:
        try:
            value = repr(eval(test["call"], names))
        except BaseException as error:
            return f"{test['call']} raised {type(error).__name__}: {error}"
        if value != test["gives"]:
            return f"{test['call']} gave {value}, not {test['gives']}"
    return None


def main():
    with open("/0/tests.json", encoding="utf-8") as file:
        tests = json.load(file)
    found = {}
    for test in tests:
        message = problem(test)
        if message:
            found[f"{test['name']} {test['version']}"] = message
    with open("/0/result.json", "w", encoding="utf-8") as file:
        json.dump(found, file)
    raise SystemExit


main()
