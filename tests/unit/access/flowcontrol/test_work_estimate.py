"""How many seats requests take, and for how long."""

from __future__ import annotations

import pytest

from apiserver.access.flowcontrol.work_estimate import (
    ONE_SEAT,
    WorkEstimate,
    estimate_list,
    estimate_write,
    most_seats,
)


@pytest.mark.parametrize(
    ("nominal", "hand_size", "most"),
    [(49, 6, 8), (245, 6, 10), (25, 4, 4), (3, 6, 1), (0, 6, 1), (13, 0, 10)],
)
def test_a_request_takes_a_part_of_its_level_at_most(
    nominal: int, hand_size: int, most: int
) -> None:
    assert most_seats(nominal, hand_size) == most


@pytest.mark.parametrize(
    ("objects", "most", "seats"),
    [(0, 10, 1), (100, 10, 1), (101, 10, 2), (450, 10, 5), (450, 4, 4), (100_000, 10, 10)],
)
def test_lists_take_a_seat_for_a_hundred_objects(objects: int, most: int, seats: int) -> None:
    assert estimate_list(objects, most) == WorkEstimate(seats)


@pytest.mark.parametrize(
    ("watches", "most", "estimate"),
    [
        (9, 10, ONE_SEAT),
        (10, 10, WorkEstimate(1, 1, 0.005)),
        (11, 10, WorkEstimate(1, 2, 0.005)),
        (200, 10, WorkEstimate(1, 10, 0.01)),
        (40, 1, WorkEstimate(1, 1, 0.02)),
    ],
)
def test_writes_take_seats_for_their_events(
    watches: int, most: int, estimate: WorkEstimate
) -> None:
    assert estimate_write(watches, most) == estimate
    assert estimate.most_seats == max(1, estimate.final_seats)
