"""The data about single packages."""

from __future__ import annotations

import ast

import pytest

from analyzers.languages.python.requirements.table import table
from analyzers.model import DependencyClass
from migrate import wheels


@pytest.mark.parametrize("name", sorted(wheels.recipes()))
def test_a_recipe_has_a_self_test_that_can_fail(name: str) -> None:
    recipe = wheels.recipes()[name]
    assert recipe.imports
    ast.parse(recipe.call, mode="eval")
    assert recipe.gives
    for library in recipe.sources:
        assert set(library) == {"requirement", "sha256", "into"}
        assert len(library["sha256"]) == 64


def test_every_package_that_assess_says_can_be_built_has_a_recipe() -> None:
    said = {name for name, row in table().items() if row.kind is DependencyClass.WASI_WHEEL}
    assert said <= set(wheels.recipes())


def test_what_cannot_be_built_is_native_for_assess_too() -> None:
    rows = table()
    for name, blocked in wheels.blocked().items():
        assert name not in wheels.recipes()
        assert blocked.why.endswith(".")
        assert blocked.do.endswith(".")
        assert rows[name].kind is DependencyClass.NATIVE, name


def test_the_twenty_most_used_have_a_reason() -> None:
    assert len(wheels.blocked()) >= 20
    assert {"numpy", "cryptography", "psycopg2", "lxml", "pillow"} <= set(wheels.blocked())
