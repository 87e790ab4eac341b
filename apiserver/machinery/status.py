"""metav1.Status: the body of every error response and of some successful ones."""

from __future__ import annotations

from typing import Any


def failure(
    message: str, reason: str, code: int, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a Status of a failure, with its members in wire order."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = code
    return status


def success(details: dict[str, Any] | None = None, code: int = 0) -> dict[str, Any]:
    """Return a Status of a success."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
    }
    if details is not None:
        status["details"] = details
    if code:
        status["code"] = code
    return status
