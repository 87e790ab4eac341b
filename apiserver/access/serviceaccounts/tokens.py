"""ServiceAccountTokens: issues and authenticates service account tokens.

A token is a JWS, RFC 7515, in compact form. Its signature is verified once and the result cached;
its claims are checked on every use, against the cache of objects. Before a token is rejected, the
cache is synchronised with the store and the claims are checked again: the account may have just
been created through another server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from apiserver.access.authentication.authenticator import BadCredential, TokenAnnotation
from apiserver.access.authentication.signed_tokens import audiences_of, parse_token
from apiserver.access.serviceaccounts.claims import (
    LEGACY_ISSUER,
    BoundObjects,
    Claims,
    MarkedInvalid,
    TokenLifetime,
    check_claims,
    claims_of,
    is_complete,
    legacy_claims_of,
    legacy_token_annotation,
    secret_of,
    user_of,
)
from apiserver.access.serviceaccounts.token_keys import KeyRing
from apiserver.client.client import Reader
from apiserver.machinery.legacytokens import LAST_USED, day_of
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.uids import new_uid
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

_MAX_CACHED: Final = 4096
_BAD_SIGNATURE: Final = "go-jose/go-jose: error in cryptographic primitive"


#: Adds labels to a Secret. Raises nothing.
Label: TypeAlias = Callable[[Object, Mapping[str, str]], Awaitable[None]]


@valueclass
class VerifiedToken:
    """The claims of a token with a valid signature, its user and audiences."""

    claims: Claims
    user: UserInfo
    audiences: tuple[str, ...]


@valueclass
class TokenPolicy:
    """Issuers, audiences and lifetime of tokens.

    New tokens name the first of ``issuers``; tokens of the others are also accepted. ``audiences``
    are the names of the API itself. ``longest`` is the maximum lifetime in seconds, 0 for no limit;
    ``extends``: tokens of Pods are valid for longer, for clients that do not reload them.
    """

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    longest: int = 0
    extends: bool = True


class ServiceAccountTokens:
    """The tokens of one server; ``refresh`` synchronises the reader with the store.

    ``label`` adds labels to the Secret of a legacy token, which tell when that was used.
    """

    def __init__(
        self,
        keys: KeyRing,
        policy: TokenPolicy,
        reader: Reader,
        refresh: Callable[[], Awaitable[object]],
        clock: Clock | None = None,
        label: Label | None = None,
    ) -> None:
        self.keys = keys
        self.policy = policy
        self._reader = reader
        self._refresh = refresh
        self._clock = clock or system_clock()
        self._label = label
        self._known: dict[str, VerifiedToken] = {}
        # By the uid of a Secret the date on which its token was last used.
        self._noted: dict[str, str] = {}

    def issue(
        self,
        account: Object,
        bound: BoundObjects,
        lifetime: TokenLifetime,
        audiences: Sequence[str],
    ) -> str:
        """Return a new token. Raises UnusableKey."""
        claims = claims_of(
            account,
            bound,
            lifetime,
            issuer=self.policy.issuers[0],
            audiences=audiences,
            token=new_uid(),
        )
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        from jwt import encode

        key = self.keys.signing
        # As upstream, the header has no ``typ``.
        headers: dict[str, Any] = {"kid": key.key_id, "typ": None}
        return encode(claims, key.private, algorithm=key.algorithm, headers=headers)

    def issue_legacy(self, account: Object, secret: Object) -> str:
        """Return a token for a Secret, which does not expire. Raises UnusableKey."""
        return self._signed(legacy_claims_of(account, secret))

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` for another type of token. Raises BadCredential."""
        found = await self.authenticate_for(token, self.policy.audiences)
        return None if found is None else found[0]

    async def authenticate_for(
        self, token: str, audiences: Sequence[str]
    ) -> tuple[UserInfo, Sequence[str]] | None:
        """Return the user of a token and its valid ``audiences``. Raises BadCredential."""
        verified = self._known.get(token)
        if verified is None:
            verified = self._verified(token)
            if verified is None:
                return None
            self._remember(token, verified)
        # Legacy tokens in Secrets have no audiences.
        given = verified.audiences or self.policy.audiences
        common = [name for name in given if name in audiences]
        if not common:
            raise BadCredential(
                f"token audiences {_shown(given)} is invalid for the target audiences "
                f"{_shown(audiences)}"
            )
        try:
            await self._check(verified.claims, token)
        except MarkedInvalid:
            await self._note_use(verified.claims)
            raise
        if verified.claims["iss"] == LEGACY_ISSUER:
            await self._note_use(verified.claims)
        return verified.user, common

    def annotation_of(self, token: str) -> TokenAnnotation | None:
        """Return the annotation of a token that has just been authenticated, if it has one."""
        known = self._known.get(token)
        return None if known is None else legacy_token_annotation(known.claims, self._reader)

    async def _note_use(self, claims: Claims) -> None:
        """Label the Secret of a legacy token with the date, once a day."""
        secret = secret_of(claims, self._reader)
        if secret is None or self._label is None:
            return
        now = self._clock.time()
        today = day_of(now)
        uid, labels = secret["metadata"]["uid"], secret["metadata"].get("labels") or {}
        # The clock of another server may be ahead.
        if labels.get(LAST_USED) in (today, day_of(now, days=1)) or self._noted.get(uid) == today:
            return
        if len(self._noted) >= _MAX_CACHED:
            self._noted.clear()
        self._noted[uid] = today
        await self._label(secret, {LAST_USED: today})

    async def _check(self, claims: Claims, token: str) -> None:
        now = self._clock.time()
        try:
            check_claims(claims, token, self._reader, now)
        except BadCredential:
            await self._refresh()
            check_claims(claims, token, self._reader, now)

    def _remember(self, token: str, verified: VerifiedToken) -> None:
        if len(self._known) >= _MAX_CACHED:
            del self._known[next(iter(self._known))]
        self._known[token] = verified

    def _verified(self, text: str) -> VerifiedToken | None:
        token = parse_token(text)
        if token is None or token.claims.get("iss") not in (*self.policy.issuers, LEGACY_ISSUER):
            return None
        keys = self.keys.named(token.key_id)
        if not keys:
            raise BadCredential("invalid signature, no keys found")
        if not token.is_signed_with((key.algorithm, key.public) for key in keys):
            raise BadCredential(_BAD_SIGNATURE)
        claims = token.claims
        if not is_complete(claims):
            raise BadCredential("service account token claims could not be validated")
        return VerifiedToken(claims, user_of(claims), audiences_of(claims))


def _shown(audiences: Sequence[str]) -> str:
    return f"[{' '.join(map(quote, audiences))}]"
