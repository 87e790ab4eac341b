"""Every error of a layer is translated where requests enter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupResource
from apiserver.registry.errors import status_of
from storage import errors

PODS = GroupResource("", "pods")
# What never gets so far: a conflict is answered by the write path, a slow watcher by the stream.
HANDLED_BEFORE = {errors.RevisionConflict, errors.SlowWatcher}
EXAMPLES = {
    errors.Compacted: (errors.Compacted(1, 2), 410, "Expired"),
    errors.FutureRevision: (errors.FutureRevision(2, 1), 504, "Timeout"),
    errors.ValueTooLarge: (errors.ValueTooLarge("k", 2, 1), 413, "RequestEntityTooLarge"),
    errors.TooManyKeys: (errors.TooManyKeys(129, 128), 413, "RequestEntityTooLarge"),
    errors.Corrupt: (errors.Corrupt("k", "why"), 500, "StorageReadError"),
    errors.TransformError: (errors.TransformError("k", "why"), 500, "InternalError"),
    errors.Unavailable: (errors.Unavailable("gone"), 500, "ServerTimeout"),
    errors.OutOfSpace: (errors.OutOfSpace("full"), 500, ""),
    errors.OutcomeUnknown: (errors.OutcomeUnknown("k"), 504, "Timeout"),
}


def subclasses(base: type) -> Iterator[type]:
    for each in base.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_error_of_the_store_has_its_row() -> None:
    own = {each for each in subclasses(errors.StorageError) if each.__module__ == "storage.errors"}
    assert own == set(EXAMPLES) | HANDLED_BEFORE


@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_an_error_of_the_store_becomes_a_status(kind: type) -> None:
    error, code, reason = EXAMPLES[kind]
    status = status_of(error, PODS, "get")
    assert (status.code, status.reason) == (code, reason)


def test_every_status_error_has_a_code_and_all_but_two_a_reason() -> None:
    kinds = [each for each in subclasses(StatusError) if each.__module__.startswith("apiserver")]
    assert {kind.__name__ for kind in kinds if not kind.reason} == {
        "ForwardedStatus",
        "UnknownError",
    }
    assert all(400 <= kind.code < 600 for kind in kinds)
