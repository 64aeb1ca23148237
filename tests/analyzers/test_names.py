"""Names of services."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.names import Naming, assign, clean

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")


def naming(compose: str | None = None, dockerfile: str | None = None, folder: str = "") -> Naming:
    return Naming(compose, dockerfile, folder, f"{compose}{dockerfile}{folder}")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("API", "api"),
        ("my_service.v2", "my-service-v2"),
        ("api-2", "api2"),
        ("2fa", "fa"),
        ("42", ""),
        ("Grüße", "gr-e"),
        ("", ""),
    ],
)
def test_clean(text: str, name: str) -> None:
    assert clean(text) == name


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (naming(compose="Web_App", dockerfile="api/Dockerfile", folder="api"), "web-app"),
        (naming(dockerfile="api/Dockerfile.worker", folder="api"), "worker"),
        (naming(dockerfile="api/worker.Dockerfile", folder="api"), "worker"),
        (naming(dockerfile="services/api/Dockerfile", folder="services/api"), "api"),
        (naming(dockerfile="Containerfile"), "shop"),
    ],
)
def test_where_a_name_comes_from(service: Naming, name: str) -> None:
    assert assign([service], "shop") == (name,)


def test_a_clash_puts_the_folder_in_front_of_all_of_them() -> None:
    both = [naming(compose="web", folder="a/x"), naming(compose="web", folder="b/x")]
    assert assign(both, "r") == ("a-x-web", "b-x-web")


def test_what_still_clashes_is_numbered() -> None:
    same = [naming(compose="web", dockerfile="b"), naming(compose="web", dockerfile="a")]
    assert assign(same, "r") == ("web2", "web")


TEXT = st.text(max_size=12)


@given(
    st.lists(
        st.builds(naming, st.none() | TEXT, st.none() | TEXT, TEXT),
        max_size=8,
        unique_by=lambda n: n.identity,
    ),
    TEXT,
    st.randoms(),
)
def test_names_are_valid_unique_and_independent_of_order(
    services: list[Naming], repository: str, random: object
) -> None:
    names = assign(services, repository)
    assert all(NAME.fullmatch(name) for name in names)
    assert len(set(names)) == len(names)
    shuffled = list(services)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # st.randoms() gives random.Random
    again = dict(zip((s.identity for s in shuffled), assign(shuffled, repository), strict=True))
    assert [again[s.identity] for s in services] == list(names)
