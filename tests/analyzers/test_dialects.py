"""Which of several databases a service means, where a setting chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzers.dialects import told
from analyzers.model import Fact, FactKind, Link
from analyzers.rules._build import at, fact, service

POSTGRES = fact(FactKind.DATABASE, "postgres")
MYSQL = fact(FactKind.DATABASE, "mysql")
SQLITE = fact(FactKind.DATABASE, "sqlite", detail="shop.db")


@pytest.mark.parametrize(
    ("facts", "linked", "left"),
    [
        ((POSTGRES, MYSQL, SQLITE), ["postgres"], ["postgres", "sqlite"]),
        ((POSTGRES, MYSQL), [], ["postgres", "mysql"]),  # nobody says which
        ((POSTGRES, MYSQL), ["postgres", "mysql"], ["postgres", "mysql"]),
        ((POSTGRES, MYSQL), ["redis"], ["postgres", "mysql"]),
        (
            (POSTGRES, replace(MYSQL, detail="db:3306")),
            ["postgres"],
            ["postgres", "mysql"],
        ),  # a host of its own
        ((MYSQL,), ["postgres"], ["mysql"]),
    ],
)
def test_a_link_tells_which_database_is_meant(
    facts: tuple[Fact, ...], linked: list[str], left: list[str]
) -> None:
    source = service(*facts).source
    assert source is not None
    links = [Link("db", name, None, at("compose.yaml:3")) for name in linked]
    assert [one.subject for one in told(source, (), links).facts] == left
