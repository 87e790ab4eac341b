"""What expires does so after a duration, whatever the system's clock is set to."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import expiry
from storage.expiry import steady_clock
from storage.interface import Put
from storage.sqlite.store import SQLiteStore

HOUR = 3600.0


class System:
    """The clocks of a machine: one can be set, the other one goes on steadily."""

    def __init__(self) -> None:
        self.now, self.elapsed = 1e9, 50.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    made = System()
    monkeypatch.setattr(expiry, "time", made)
    return made


def test_a_steady_clock_begins_with_the_date(system: System) -> None:
    assert steady_clock()() == system.now


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
async def test_a_clock_that_is_set_neither_ends_nor_prolongs_a_lifetime(
    system: System, tmp_path: Path, jump: float
) -> None:
    store = await SQLiteStore.open(tmp_path / "state.db")
    await store.commit([Put("/event", b"{}", expected=0, ttl=int(HOUR))])
    system.now += jump
    assert await store.expire() == pytest.approx(HOUR)
    assert await store.get("/event") is not None
    system.passes(HOUR + 1)
    await store.expire()
    assert await store.get("/event") is None
    await store.close()


async def test_what_expired_while_nothing_ran_is_deleted_after_the_start(
    system: System, tmp_path: Path
) -> None:
    store = await SQLiteStore.open(tmp_path / "state.db")
    await store.commit([Put("/event", b"{}", expected=0, ttl=int(HOUR))])
    await store.close()
    # The machine was off: its steady clock begins anew.
    system.now, system.elapsed = system.now + HOUR + 1, 0.0
    store = await SQLiteStore.open(tmp_path / "state.db")
    await store.expire()
    assert await store.get("/event") is None
    await store.close()
