"""The status that a gRPC call ends with."""

from __future__ import annotations

from enum import Enum
from typing import Final
from urllib.parse import unquote


class StatusCode(Enum):
    """The status codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class CallError(Exception):
    """A call has failed with a status."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


# It is never raised, so one is enough.
_SUCCESS: Final = CallError(StatusCode.OK, "")


def call_error(code: str, message: str) -> CallError:
    """Return the status of the headers ``grpc-status`` and ``grpc-message``."""
    if code == "0":
        return _SUCCESS
    try:
        known = StatusCode(int(code))
    except ValueError:
        known = StatusCode.UNKNOWN
    return CallError(known, unquote(message))
