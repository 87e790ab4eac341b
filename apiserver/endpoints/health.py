"""/healthz, /livez and /readyz: named checks, together or one by one. Pure but for the checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[None]]

ENDPOINTS = ("healthz", "livez", "readyz")
_PATIENCE = 2.0

log = logging.getLogger(__name__)


class Unhealthy(Exception):
    """A check failed; the text goes to the log, clients are told only which one."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an endpoint answers."""

    status: int
    text: str


@dataclass(slots=True)
class Health:
    """The checks of each endpoint, by name, in the order in which they are shown."""

    checks: Mapping[str, Mapping[str, Check]] = field(default_factory=dict)

    def knows(self, endpoint: str, name: str) -> bool:
        """Tell whether an endpoint has a check of this name."""
        return name in self.checks.get(endpoint, {})

    async def report(self, endpoint: str, *, verbose: bool, excluded: Sequence[str]) -> Report:
        """Run the checks of ``endpoint`` but for those excluded."""
        checks = self.checks[endpoint]
        lines, healthy = [], True
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
            elif await _passes(name, check):
                lines.append(f"[+]{name} ok")
            else:
                healthy = False
                lines.append(f"[-]{name} failed: reason withheld")
        unknown = [f'"{name}"' for name in excluded if name not in checks]
        if unknown:
            listed = ", ".join(unknown)
            lines.append(
                f"warn: some health checks cannot be excluded: no matches for {listed}"
            )
        verdict = "passed" if healthy else "failed"
        text = "\n".join([*lines, f"{endpoint} check {verdict}\n"])
        if not healthy:
            return Report(500, text)
        return Report(200, text if verbose else "ok")

    async def single(self, endpoint: str, name: str) -> Report:
        """Run one check."""
        if await _passes(name, self.checks[endpoint][name]):
            return Report(200, "ok")
        return Report(500, "internal server error: reason withheld\n")


async def _passes(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except (Unhealthy, TimeoutError) as error:
        log.warning("health check %s failed: %s", name, error or "it took too long")
        return False
    return True
