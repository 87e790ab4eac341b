"""Impersonator: decides whether a user may impersonate another one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    Authorizer,
    Verdict,
)
from apiserver.access.impersonation.impersonation_modes import MODES, Mode
from apiserver.machinery.users import UserInfo

#: So many users are known by the mode that last worked for them.
_MAX_CACHED: Final = 1024


class ImpersonationDenied(Exception):
    """The user lacks a right: the refused request, and the reason of the authorizer."""

    def __init__(self, attributes: AuthorizationAttributes, reason: str) -> None:
        super().__init__(reason)
        self.attributes = attributes
        self.reason = reason


@dataclass(slots=True)
class Impersonator:
    """Tries the modes of impersonation, first the one that last worked for the same user."""

    authorizer: Authorizer
    _last: dict[str, Mode] = field(default_factory=dict)

    async def impersonated(self, request: AuthorizationAttributes, wanted: UserInfo) -> UserInfo:
        """Return the user to continue ``request`` as. Raises ImpersonationDenied.

        The error is that of the first mode that was tried.
        """
        user = request.user
        denied: ImpersonationDenied | None = None
        last = self._last.get(user.name)
        modes = MODES if last is None else (last, *(mode for mode in MODES if mode is not last))
        for mode in modes:
            if not mode.applies(user, wanted):
                continue
            refusal = await self._refusal(mode, request, wanted)
            if refusal is None:
                if mode is not last:
                    self._remember(user.name, mode)
                return mode.result(wanted)
            denied = denied or refusal
        # The legacy mode always applies.
        assert denied is not None
        raise denied

    async def _refusal(
        self, mode: Mode, request: AuthorizationAttributes, wanted: UserInfo
    ) -> ImpersonationDenied | None:
        needs = mode.needs(request, wanted)
        for need in needs:
            if need.refusal:
                return ImpersonationDenied(need.attributes, need.refusal)
            decision = await self.authorizer.authorize(need.attributes)
            if decision.verdict is Verdict.ALLOW:
                for _ in islice(needs, need.stands_for):
                    pass
            elif not need.stands_for:
                return ImpersonationDenied(need.attributes, decision.reason)
        return None

    def _remember(self, name: str, mode: Mode) -> None:
        if name not in self._last and len(self._last) >= _MAX_CACHED:
            del self._last[next(iter(self._last))]
        self._last[name] = mode
