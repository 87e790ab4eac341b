"""The half of the harness that runs in the tests' process: values and their rules."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import apiserver.testing
from apiserver.testing.kube_users import rules_of
from apiserver.testing.request_log import Request, RequestLog
from apiserver.testing.seeding import SeededBytes, current_request
from apiserver.testing.spans import epoch_of, seconds_of

REQUESTS = [
    Request(1, "create", "POST", "/api/v1/pods", resource="pods", status=201, body='{"a": 1}'),
    Request(2, "get", "GET", "/api/v1/pods/a", resource="pods", status=404),
    Request(3, "list", "GET", "/api/v1/nodes", "limit=1", resource="nodes", status=200),
]


@pytest.fixture
def log() -> RequestLog:
    return RequestLog(lambda: list(REQUESTS), lambda: None)


@pytest.mark.parametrize(
    ("fields", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"verb": "get"}, [2]),
        ({"resource": "pods", "status": (200, 201)}, [1]),
        ({"verb": frozenset(["create"])}, [1]),
        ({"name": "x"}, []),
    ],
    ids=str,
)
def test_requests_are_filtered(log: RequestLog, fields: dict[str, Any], numbers: list[int]) -> None:
    assert [each.number for each in log.filter(**fields)] == numbers


def test_requests_are_asserted(log: RequestLog) -> None:
    assert log.assert_any(lambda each: each.status >= 400, resource="pods")[0].number == 2
    log.assert_none(verb="delete")
    with pytest.raises(AssertionError, match=r"GET /api/v1/nodes\?limit=1"):
        log.assert_any(verb="delete")
    with pytest.raises(AssertionError, match="404 - GET /api/v1/pods/a"):
        log.assert_none(verb="get")
    with pytest.raises(TypeError, match="colour"):
        log.filter(colour="red")
    assert (len(log), log[0].object) == (3, {"a": 1})


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(2, 2.0), ("1h30m", 5400.0), ("200ms", 0.2), (timedelta(minutes=1), 60.0)],
)
def test_spans_have_several_forms(given: Any, seconds: float) -> None:
    assert seconds_of(given) == seconds


@pytest.mark.parametrize(
    "given",
    [
        1893456000,
        "2030-01-01T00:00:00Z",
        "2030-01-01T02:00:00+02:00",
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1),
    ],
)
def test_moments_have_several_forms(given: Any) -> None:
    assert epoch_of(given) == 1893456000


def test_rights_are_rules_of_rbac() -> None:
    assert rules_of({"pods": "get, list", "deployments.apps/scale": ["update"], "*": "*"}) == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["update"]},
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    ]


def test_seeded_bytes_depend_on_the_request_and_not_on_others() -> None:
    def drawn(source: SeededBytes, *requests: str) -> list[bytes]:
        found = []
        for each in requests:
            current_request.set(each)
            found.append(source(16))
        current_request.set("")
        return found

    one, other = drawn(SeededBytes(1), "a", "a"), drawn(SeededBytes(1), "a", "b", "", "a")
    assert one == [other[0], other[3]]
    assert len({*one, *other}) == 4
    assert drawn(SeededBytes(2), "a") != one[:1]
    assert drawn(SeededBytes(None), "a") != drawn(SeededBytes(None), "a")


def test_every_name_of_the_package_can_be_imported() -> None:
    for name in apiserver.testing.__all__:
        assert getattr(apiserver.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = apiserver.testing.Nothing


def test_the_plugin_imports_nothing_but_pytest() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import apiserver.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {
        "apiserver", "apiserver.testing", "apiserver.testing.plugin",
    }  # fmt: skip
