"""WebhookTokens: asks a webhook which user a token belongs to, and keeps its answers for a while.

The webhook gets a TokenReview with the audiences that the token must be for. One that returns no
audiences knows none: its tokens are for the API.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.result_cache import ResultCache
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.users import UserInfo

log = logging.getLogger(__name__)

#: A user, and those of the audiences asked for that its token is for; ``None``: not its token.
_Answer: TypeAlias = tuple[UserInfo, Sequence[str]] | None


class TokenReviewer(Protocol):
    """Answers TokenReviews."""

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Return the status of a review. Raises WebhookError."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class WebhookTokens:
    """The tokens that a webhook knows; ``audiences`` are those of the API.

    Answers are kept for ``seconds``, those for unknown tokens as well.
    """

    def __init__(self, reviewer: TokenReviewer, audiences: Sequence[str], seconds: float) -> None:
        self._reviewer = reviewer
        self._audiences = audiences
        self._kept: ResultCache[bytes, _Answer] = ResultCache(lambda _: seconds)

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` if the webhook knows none. Raises BadCredential."""
        found = await self.authenticate_for(token, self._audiences)
        return None if found is None else found[0]

    async def authenticate_for(self, token: str, audiences: Sequence[str]) -> _Answer:
        """Return the token's user, and those of ``audiences`` that it is for.

        Raises BadCredential.
        """
        wanted = tuple(audiences)
        # Clients choose how long tokens are, and memory is no place for those that are valid.
        key = hashlib.sha256(repr((token, wanted)).encode()).digest()
        return await self._kept.get(key, lambda: self._ask(token, wanted))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Cancel all calls and close the connections at the end of the block."""
        try:
            yield
        finally:
            await self._kept.close()
            await self._reviewer.close()

    async def _ask(self, token: str, audiences: tuple[str, ...]) -> _Answer:
        spec: dict[str, Any] = {"token": token}
        if audiences:
            spec["audiences"] = list(audiences)
        try:
            status = await self._reviewer.review(spec, {"user": {}})
            return self._answer(status, audiences)
        except WebhookError as error:
            log.warning("failed to make webhook authenticator request: %s", error)
            raise BadCredential(str(error)) from error

    def _answer(self, status: dict[str, Any], wanted: tuple[str, ...]) -> _Answer:
        common: Sequence[str] = ()
        if wanted:
            given = _texts(status.get("audiences"), "audiences") or self._audiences
            common = [name for name in wanted if name in given]
            if not common:
                return None
        if status.get("authenticated") is not True:
            error = _text(status.get("error"), "error")
            if error:
                raise BadCredential(error)
            return None
        return _user_of(status.get("user")), common


def _user_of(document: Any) -> UserInfo:
    if not isinstance(document, dict):
        document = {}
    extra = document.get("extra") or {}
    if not isinstance(extra, dict):
        raise _malformed("extra")
    return UserInfo(
        _text(document.get("username"), "username"),
        uid=_text(document.get("uid"), "uid"),
        groups=_texts(document.get("groups"), "groups"),
        extra={key: _texts(values, "extra") for key, values in extra.items()},
    )


def _text(value: Any, member: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _malformed(member)
    return value


def _texts(value: Any, member: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _malformed(member)
    return tuple(value)


def _malformed(member: str) -> WebhookError:
    return WebhookError(f"the member {member} of the review is of another type")
