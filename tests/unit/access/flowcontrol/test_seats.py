"""How many seats priority levels get."""

from __future__ import annotations

import pytest

from apiserver.access.flowcontrol.seat_allocation import (
    Claim,
    NominalLimits,
    allocate,
    nominal_limits,
)
from apiserver.access.flowcontrol.seat_demand import SeatDemand


@pytest.mark.parametrize(
    ("total", "share", "lendable", "borrowing", "limits"),
    [
        (600, 5 / 245, 0, None, (13, 13, 613)),
        (600, 100 / 245, 90, None, (245, 24, 845)),
        (600, 30 / 245, 33, 50, (74, 50, 111)),
        (600, 0.0, 0, None, (0, 0, 600)),
        (10, 0.1, 50, 50, (1, 0, 2)),
    ],
)
def test_nominal_limits(
    total: int, share: float, lendable: int, borrowing: int | None, limits: tuple[int, int, int]
) -> None:
    assert nominal_limits(total, share, lendable, borrowing) == NominalLimits(*limits)


@pytest.mark.parametrize(
    ("total", "claims", "seats"),
    [
        # Nothing bounds: proportional to what they want.
        (30, [(10, 0, 30), (20, 0, 30)], [10, 20]),
        (60, [(10, 0, 60), (20, 0, 60)], [20, 40]),
        # The one may not lend more, the other may not borrow more.
        (30, [(1, 10, 30), (29, 0, 30)], [10, 20]),
        (30, [(1, 0, 30), (29, 0, 12)], [18, 12]),
        # All have the least or the most.
        (10, [(5, 5, 9), (5, 5, 9)], [5, 5]),
        (18, [(5, 5, 9), (5, 5, 9)], [9, 9]),
        # Whoever wants nothing gets what nobody else may take.
        (30, [(0, 0, 30), (10, 0, 20)], [10, 20]),
        (0, [(0, 0, 5)], [0]),
    ],
)
def test_seats_are_divided_by_demand_within_bounds(
    total: int, claims: list[tuple[float, float, float]], seats: list[float]
) -> None:
    allocated, _ = allocate(total, [Claim(*each) for each in claims])
    assert allocated == pytest.approx(seats, abs=0.01)


def test_demand_is_averaged_over_time_and_falls_slowly() -> None:
    demand = SeatDemand(100.0)
    demand.change(4, 102.0)
    demand.change(4, 104.0)
    demand.change(-6, 106.0)
    demand.end_period(110.0)
    assert demand.average == pytest.approx((4 * 2 + 8 * 2 + 2 * 4) / 10)
    assert demand.deviation == pytest.approx((17.6 - 3.2**2) ** 0.5)
    assert demand.high_watermark == 8
    assert demand.smoothed == pytest.approx(demand.average + demand.deviation)
    before = demand.smoothed
    demand.end_period(120.0)
    assert (demand.average, demand.deviation, demand.high_watermark) == (2, 0, 2)
    assert demand.smoothed == pytest.approx(0.977 * before + 0.023 * 2)
