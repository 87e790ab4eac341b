"""A server that has been started for tests, wherever it runs."""

from __future__ import annotations

from typing import Any, Protocol


class StartFailed(Exception):
    """A server did not start; the message ends with its log."""


class Launched(Protocol):
    """A server that runs, or is about to."""

    def wait(self, timeout: float) -> dict[str, Any]:
        """Wait until the server is ready; return `embedding.Ready`. Raises StartFailed."""
        ...

    def stop(self) -> None:
        """Stop the server, and wait until it has."""
        ...
