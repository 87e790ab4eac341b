"""BootstrapTokens: authenticates the bootstrap tokens in Secrets of kube-system."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from apiserver.client.client import Reader
from apiserver.machinery.bootstraptokens import (
    AUTHENTICATION,
    ID,
    NAME_PREFIX,
    NAMESPACE,
    SECRET,
    TYPE,
    USER_PREFIX,
    groups_of,
    has_expired,
    parse_token,
    text_of,
)
from apiserver.machinery.builtin_resources import SECRETS
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.users import UserInfo


class BootstrapTokens:
    """The tokens of one cluster; ``refresh`` synchronises the reader with the store."""

    def __init__(
        self,
        reader: Reader,
        refresh: Callable[[], Awaitable[object]],
        clock: Clock | None = None,
    ) -> None:
        self._reader = reader
        self._refresh = refresh
        self._clock = clock or system_clock()

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` if there is no such token."""
        parts = parse_token(token)
        if parts is None:
            return None
        user = self._user_of(*parts)
        if user is None:
            # It may have just been created through another server.
            await self._refresh()
            user = self._user_of(*parts)
        return user

    def _user_of(self, token_id: str, token_secret: str) -> UserInfo | None:
        secret = self._reader.get(SECRETS, NAMESPACE, NAME_PREFIX + token_id)
        if secret is None or secret.get("type") != TYPE:
            return None
        matches = hmac.compare_digest(text_of(secret, SECRET).encode(), token_secret.encode())
        groups = groups_of(secret)
        if (
            not matches
            or text_of(secret, ID) != token_id
            or text_of(secret, AUTHENTICATION) != "true"
            or "deletionTimestamp" in secret["metadata"]
            or has_expired(secret, self._clock.time())
            or groups is None
        ):
            return None
        return UserInfo(USER_PREFIX + token_id, groups=groups)
