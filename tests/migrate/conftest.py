from __future__ import annotations

import pytest

from migrate import lanes


@pytest.fixture
def small_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane of `tests.migrate.lane` in the place of the Python lane."""
    monkeypatch.setitem(lanes.LANES, "python", "tests.migrate.lane")
