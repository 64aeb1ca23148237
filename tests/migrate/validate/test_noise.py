"""What two answers of the original teach about a third, and what they do not."""

from __future__ import annotations

import base64
import random
import uuid

from migrate.validate.noise import fit


def signature(numbers: random.Random) -> str:
    return base64.urlsafe_b64encode(numbers.randbytes(20)).decode().rstrip("=")


def test_letters_that_two_signatures_share_by_chance_are_not_asked_of_a_third() -> None:
    numbers = random.Random(1)  # noqa: S311 - the same every time, guarding nothing
    refused = [fit([signature(numbers), signature(numbers)], signature(numbers)).problem for _ in range(3000)]
    assert [problem for problem in refused if problem] == []


def test_the_dashes_of_uuids_are_asked_of_a_third() -> None:
    numbers = random.Random(2)  # noqa: S311 - as above
    first, second, third = (str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(3))
    assert fit([first, second], third).problem == ""
    moved = third[:7] + "-" + third[7] + third[9:]
    assert len(moved) == len(third)
    assert "where the original always has" in fit([first, second], moved).problem


def test_numbers_of_one_length_with_one_dash_may_move_it() -> None:
    """One shared dash is too little to tell structure from chance."""
    assert fit(["ab-cdefgh", "xy-zuvwst"], "abcd-efgh").problem == ""
