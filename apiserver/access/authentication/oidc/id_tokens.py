"""IDTokens: authenticates the tokens of one issuer (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Any, Final

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper
from apiserver.access.authentication.oidc.http_documents import FetchError
from apiserver.access.authentication.oidc.remote_key_set import RemoteKeySet
from apiserver.access.authentication.signed_tokens import (
    SIGNING_ALGORITHMS,
    SignedToken,
    audiences_of,
    parse_token,
)
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.users import UserInfo

#: Seconds that a token may be used before it is valid: clocks differ.
LEEWAY: Final = 300
_BAD_SIGNATURE: Final = (
    "oidc: verify token: failed to verify signature: failed to verify id token signature"
)
# The issuer has two names in tokens.
_GOOGLE: Final = {"accounts.google.com": "https://accounts.google.com"}


class IDTokens:
    """The tokens of the issuer that ``provider`` has the keys of."""

    def __init__(
        self, mapper: ClaimMapper, provider: RemoteKeySet, clock: Clock | None = None
    ) -> None:
        self.mapper = mapper
        self._issuer = mapper.configuration.issuer
        self._algorithms = mapper.configuration.algorithms or SIGNING_ALGORITHMS
        self._clock = clock or system_clock()
        self.provider = provider

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` for a token of another issuer. Raises BadCredential."""
        parsed = parse_token(token)
        issuer = None if parsed is None else parsed.claims.get("iss")
        if parsed is None or _GOOGLE.get(str(issuer), issuer) != self._issuer.url:
            return None
        if not self.provider.ready.is_set():
            raise BadCredential("oidc: authenticator not initialized")
        await self._verify(parsed)
        if not self.mapper.evaluates:
            return self.mapper.user_of(parsed.claims)
        # The token determines how long an expression takes.
        return await asyncio.to_thread(self.mapper.user_of, parsed.claims)

    async def _verify(self, token: SignedToken) -> None:
        claims = token.claims
        given, wanted = audiences_of(claims), self._issuer.audiences
        if not set(given) & set(wanted):
            raise _refused(f"expected audience in {_shown(wanted)} got {_shown(given)}")
        now = self._clock.time()
        expiry, begin = _seconds(claims, "exp"), _seconds(claims, "nbf")
        if expiry is None or expiry < now:
            raise _refused(f"token is expired (Token Expiry: {_moment(expiry or 0.0)})")
        if begin is not None and now + LEEWAY < begin:
            raise _refused(
                f"current time {_moment(now)} before the nbf (not before) time: {_moment(begin)}"
            )
        algorithm = token.header.get("alg")
        if algorithm not in self._algorithms:
            raise _refused(
                "id token signed with unsupported algorithm, expected "
                f"{_shown(self._algorithms)} got {quote(str(algorithm))}"
            )
        try:
            signed = await self.provider.has_signed(token, str(algorithm))
        except FetchError as error:
            raise _refused(f"fetching keys {error}") from error
        if not signed:
            raise BadCredential(_BAD_SIGNATURE)


def _refused(why: str) -> BadCredential:
    return BadCredential(f"oidc: verify token: oidc: {why}")


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(f"failed to unmarshal claims: {name} is not a time")
    return float(value)


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"


def _shown(names: tuple[str, ...]) -> str:
    return f"[{' '.join(map(quote, names))}]"
