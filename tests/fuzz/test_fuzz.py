"""Two thousand requests that are almost right: each is answered, and none by accident.

``make fuzz`` sends a hundred thousand others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.making import VALID, Maker
from tests.fuzz.running import fuzz, is_status
from tests.server_process import running_server

REQUESTS, SEED = 2000, 1
MEBIBYTE = 1 << 20


@pytest.mark.timeout(900)
def test_every_request_is_answered_as_is_meant(tmp_path: Path) -> None:
    with running_server(tmp_path, "--storage=memory://") as server:
        found = fuzz(server, REQUESTS, SEED)
    assert found.broken == []
    assert sum(found.statuses.values()) == REQUESTS
    # What is right is created; of the rest there is some of everything.
    assert found.statuses[201] >= len(VALID)
    assert {200, 400, 404, 405, 406, 409, 422} <= found.statuses.keys()
    before, after = found.memory
    assert after - before < 100 * MEBIBYTE


def test_the_same_seed_makes_the_same_requests() -> None:
    one, other = Maker(5), Maker(5)
    assert [one.request() for _ in range(300)] == [other.request() for _ in range(300)]


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b'{"kind":"Status"}', True),
        (b"apiVersion: v1\nkind: Status\n", True),
        (b"500 Internal Server Error", False),
        (b"[]", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_what_counts_as_a_status(body: bytes, is_one: bool) -> None:
    assert is_status(body) is is_one
