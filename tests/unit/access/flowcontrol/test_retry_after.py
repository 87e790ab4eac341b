"""After how long rejected clients should try again."""

from __future__ import annotations

from apiserver.access.flowcontrol.retry_after import RetryAfter


def test_clients_wait_longer_the_more_are_rejected() -> None:
    advice = RetryAfter()
    found = []
    for second in range(100, 112):
        for _ in range(4):
            advice.note_rejection(second + 0.5)
        found.append(advice.seconds)
    assert found == [1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8]
    for second in range(200, 480, 40):
        advice.note_rejection(second)
    assert advice.seconds == 1
