"""Which request is executed next."""

from __future__ import annotations

import pytest

from apiserver.access.flowcontrol.fair_queue import ESTIMATED_SECONDS, FairQueue, QueuedRequest


def full(seats: int = 1) -> FairQueue:
    """Return a queue whose seats are all taken by a request that has not waited."""
    fair = FairQueue(seats)
    assert fair.take(seats)
    return fair


def wait(fair: FairQueue, *queues: int, seats: int = 1) -> list[QueuedRequest]:
    return [fair.wait(fair.shortest([queue]), seats) for queue in queues]


def order(fair: FairQueue) -> list[int]:
    """Execute one request after the other; return their queues."""
    fair.free(fair.seats_in_use)
    busy, found = fair.dispatch(0.0), []
    while busy:
        request = busy.pop(0)
        found.append(request.queue.index)
        fair.finish(request, 0.0)
        busy += fair.dispatch(0.0)
    return found


def test_a_request_that_finds_a_seat_is_executed_at_once() -> None:
    fair = FairQueue(2)
    assert [fair.take(1), fair.take(1), fair.take(1)] == [True, True, False]
    (waiting,) = wait(fair, 0)
    assert fair.dispatch(1.0) == []
    fair.free(1)
    # Whoever waits is first.
    assert not fair.take(1)
    assert fair.dispatch(2.0) == [waiting]
    assert waiting.started == 2.0


def test_queues_take_turns_however_long_they_are() -> None:
    fair = full()
    wait(fair, 0, 0, 0, 0, 1, 1, 2)
    assert order(fair) == [0, 1, 2, 0, 1, 0, 0]


def test_wide_requests_get_their_turn_less_often() -> None:
    fair = full(2)
    wait(fair, 0, 0, seats=2)
    wait(fair, 1, 1, 1, 1)
    assert order(fair) == [1, 0, 1, 1, 0, 1]


def test_a_flow_pays_for_requests_that_took_long() -> None:
    fair = full()
    slow = wait(fair, 0, 0, 1, 1, 1)[0]
    fair.free(1)
    assert fair.dispatch(0.0) == [slow]
    fair.finish(slow, 10 * ESTIMATED_SECONDS)
    assert order(fair) == [1, 1, 1, 0]


def test_a_wide_request_is_not_overtaken_when_it_is_its_turn() -> None:
    fair = full(2)
    (wide,) = wait(fair, 0, seats=2)
    wait(fair, 0)
    fair.free(1)
    assert fair.dispatch(0.0) == []
    fair.free(1)
    assert fair.dispatch(0.0) == [wide]


def test_a_wide_request_that_leaves_makes_room() -> None:
    fair = full(2)
    (wide,) = wait(fair, 0, seats=2)
    (narrow,) = wait(fair, 0)
    fair.free(1)
    fair.leave(wide)
    assert fair.dispatch(0.0) == [narrow]


@pytest.mark.parametrize(("limit", "seats", "taken"), [(3, 9, True), (0, 1, False)])
def test_a_request_for_more_seats_than_there_are_is_executed_alone(
    limit: int, seats: int, taken: bool
) -> None:
    fair = FairQueue(limit)
    assert fair.take(seats) is taken
    assert not fair.take(1)


def test_a_flow_uses_the_shortest_queue_of_its_hand() -> None:
    fair = full()
    wait(fair, 0, 0)
    assert [fair.shortest([0, 2]).index for _ in range(3)] == [2, 2, 2]
    assert {fair.shortest([2, 3]).index for _ in range(3)} == {2, 3}


def test_more_seats_execute_those_who_wait_and_fewer_execute_none() -> None:
    fair = full()
    first, second, third, last = wait(fair, 0, 1, 1, 2)
    fair.limit = 3
    assert fair.dispatch(7.0) == [first, second]
    fair.limit = 2
    fair.free(1)
    assert fair.dispatch(8.0) == []
    fair.finish(first, 9.0)
    assert fair.dispatch(9.0) == [last]
    fair.finish(second, 9.0)
    assert fair.dispatch(9.0) == [third]
