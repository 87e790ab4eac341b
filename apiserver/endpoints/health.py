"""/healthz, /livez and /readyz: named checks, run together or one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from apiserver.machinery.valueclasses import valueclass

Check = Callable[[], Awaitable[None]]

ENDPOINTS = ("healthz", "livez", "readyz")
_TIMEOUT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Unhealthy(Exception):
    """A check failed. The text goes to the log, and to clients that request this check alone."""


@valueclass
class Report:
    """The response of a health endpoint."""

    status: int
    text: str


@dataclass(slots=True)
class Health:
    """The checks of each endpoint, by name, in the order of their output.

    ``groups`` maps checks to their group; all checks of a group can be excluded together.
    """

    checks: Mapping[str, Mapping[str, Check]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def knows(self, endpoint: str, name: str) -> bool:
        """Return whether an endpoint has a check of this name."""
        return name in self.checks.get(endpoint, {})

    async def report(self, endpoint: str, *, verbose: bool, excluded: Sequence[str]) -> Report:
        """Run the checks of ``endpoint``, except those excluded by their name or by their group."""
        unmatched = set(excluded)
        lines, healthy = [], True
        for name, check in self.checks[endpoint].items():
            group = self.groups.get(name, "")
            if name in excluded:
                unmatched.discard(name)
                lines.append(f"[+]{name} excluded: ok")
            elif group in excluded:
                unmatched.discard(group)
                lines.append(f"[+]{name} excluded with {group}: ok")
            elif await _failure(name, check):
                healthy = False
                lines.append(f"[-]{name} failed: reason withheld")
            else:
                lines.append(f"[+]{name} ok")
        if unmatched:
            listed = ",".join(f'"{name}"' for name in sorted(unmatched))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {listed}")
        verdict = "passed" if healthy else "failed"
        text = "\n".join([*lines, f"{endpoint} check {verdict}\n"])
        if not healthy:
            return Report(500, text)
        return Report(200, text if verbose else "ok")

    async def single(self, endpoint: str, name: str) -> Report:
        """Run one check."""
        failure = await _failure(name, self.checks[endpoint][name])
        if failure:
            return Report(500, f"internal server error: {failure}\n")
        return Report(200, "ok")


async def _failure(name: str, check: Check) -> str:
    """Run a check; return why it failed, ``""`` if it passed."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await check()
    except (Unhealthy, TimeoutError) as error:
        failure = str(error) or "it took too long"
        log.warning("health check %s failed: %s", name, failure)
        return failure
    return ""
