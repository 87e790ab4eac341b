"""The claims of a service account token, and their validation. Pure but for the Reader.

A token names its account by uid, and optionally a Pod, Secret or Node that it is bound to. It is
valid as long as these exist. Objects deleted with a grace period keep their tokens valid for a
minute longer, for cleanup.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.x509 import CREDENTIAL_ID
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS
from apiserver.machinery.legacytokens import INVALID_SINCE
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import parse_seconds
from apiserver.machinery.users import ACCOUNT_PREFIX, UserInfo, account_user
from apiserver.machinery.valueclasses import valueclass

Claims = Mapping[str, Any]

PRIVATE: Final = "kubernetes.io"
#: The tolerated clock skew, and the extra time after a deletion, in seconds.
LEEWAY: Final = 60
_EXTRA: Final = "authentication.kubernetes.io/"

LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
_LEGACY: Final = "kubernetes.io/serviceaccount/"

_INVALIDATED: Final = "service account token has been invalidated"


class MarkedInvalid(BadCredential):
    """A legacy token is valid but for a label on its Secret."""


@valueclass
class BoundObjects:
    """The objects that a token is bound to."""

    pod: Object | None = None
    node: Object | None = None
    secret: Object | None = None


@valueclass
class TokenLifetime:
    """The validity of a token in seconds; after ``warn_after`` its use is stale."""

    begins: int
    seconds: int
    warn_after: int = 0


def claims_of(
    account: Object,
    bound: BoundObjects,
    lifetime: TokenLifetime,
    *,
    issuer: str,
    audiences: Sequence[str],
    token: str,
) -> dict[str, Any]:
    """Return the claims of a new token; ``token`` is its id."""
    namespace, name = namespace_of(account), name_of(account)
    private: dict[str, Any] = {"namespace": namespace}
    for member, document in (("node", bound.node), ("pod", bound.pod), ("secret", bound.secret)):
        if document is not None:
            private[member] = _reference(document)
    private["serviceaccount"] = _reference(account)
    if lifetime.warn_after:
        private["warnafter"] = lifetime.begins + lifetime.warn_after
    return {
        "aud": list(audiences),
        "exp": lifetime.begins + lifetime.seconds,
        "iat": lifetime.begins,
        "iss": issuer,
        "jti": token,
        PRIVATE: private,
        "nbf": lifetime.begins,
        "sub": f"{ACCOUNT_PREFIX}{namespace}:{name}",
    }


def legacy_claims_of(account: Object, secret: Object) -> dict[str, Any]:
    """Return the claims of a new token that a Secret holds."""
    namespace, name = namespace_of(account), name_of(account)
    return {
        "iss": LEGACY_ISSUER,
        f"{_LEGACY}namespace": namespace,
        f"{_LEGACY}secret.name": name_of(secret),
        f"{_LEGACY}service-account.name": name,
        f"{_LEGACY}service-account.uid": account["metadata"].get("uid", ""),
        "sub": f"{ACCOUNT_PREFIX}{namespace}:{name}",
    }


def user_of(claims: Claims) -> UserInfo:
    """Return the user that the claims name."""
    if claims["iss"] == LEGACY_ISSUER:
        return account_user(
            claims[f"{_LEGACY}namespace"],
            claims[f"{_LEGACY}service-account.name"],
            claims[f"{_LEGACY}service-account.uid"],
            {},
        )
    private = claims[PRIVATE]
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra[CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
    for member in ("node", "pod"):
        reference = private.get(member)
        if reference:
            extra[f"{_EXTRA}{member}-name"] = (reference["name"],)
            if reference.get("uid"):
                extra[f"{_EXTRA}{member}-uid"] = (reference["uid"],)
    account = private["serviceaccount"]
    return account_user(private["namespace"], account["name"], account.get("uid", ""), extra)


def is_complete(claims: Claims) -> bool:
    """Return whether the claims have all required members, with the right types."""
    if claims.get("iss") == LEGACY_ISSUER:
        members = ("namespace", "service-account.name", "service-account.uid", "secret.name")
        return all(isinstance(claims.get(_LEGACY + member), str) for member in members)
    private = claims.get(PRIVATE)
    if not isinstance(private, dict) or not isinstance(private.get("namespace"), str):
        return False
    times = (claims.get(member) for member in ("exp", "iat", "nbf"))
    if not all(time is None or isinstance(time, int | float) for time in times):
        return False
    references = (private.get(member) for member in ("node", "pod", "secret"))
    return _is_reference(private.get("serviceaccount")) and all(
        reference is None or _is_reference(reference) for reference in references
    )


def check_claims(claims: Claims, token: str, reader: Reader, now: float) -> None:
    """Raise BadCredential unless the claims are valid now."""
    if claims["iss"] == LEGACY_ISSUER:
        _check_legacy(claims, token, reader, now)
        return
    _check_times(claims, now)
    private = claims[PRIVATE]
    namespace, account = private["namespace"], private["serviceaccount"]
    _check_account(reader, namespace, account["name"], account.get("uid", ""), now)
    bound = [("secret", SECRETS, namespace), ("pod", PODS, namespace)]
    if "pod" not in private:
        # A Pod's node is not checked separately.
        bound.append(("node", NODES, ""))
    for member, resource, where in bound:
        reference = private.get(member)
        if reference:
            found = reader.get(resource, where, reference["name"])
            if found is None or _is_gone(found, now):
                raise BadCredential(_INVALIDATED)
            uid, claimed = found["metadata"]["uid"], reference.get("uid", "")
            if uid != claimed:
                raise BadCredential(
                    f"{member} UID ({uid}) does not match service account {member} ref claim "
                    f"({claimed})"
                )


def _check_times(claims: Claims, now: float) -> None:
    if now + LEEWAY < claims.get("nbf", now):
        raise BadCredential("service account token is not valid yet")
    if now - LEEWAY > claims.get("exp", now):
        raise BadCredential("service account token has expired")
    if now + LEEWAY < claims.get("iat", now):
        raise BadCredential("service account token is issued in the future")


def _check_account(reader: Reader, namespace: str, name: str, uid: str, now: float) -> None:
    account = reader.get(SERVICE_ACCOUNTS, namespace, name)
    if account is None:
        raise BadCredential(f"serviceaccounts {quote(name)} not found")
    if _is_gone(account, now):
        raise BadCredential(f"service account {namespace}/{name} has been deleted")
    found = account["metadata"]["uid"]
    if found != uid:
        raise BadCredential(f"service account UID ({found}) does not match claim ({uid})")


def _check_legacy(claims: Claims, token: str, reader: Reader, now: float) -> None:
    # A legacy token is valid as long as its Secret contains it.
    namespace = claims[f"{_LEGACY}namespace"]
    secret = reader.get(SECRETS, namespace, claims[f"{_LEGACY}secret.name"])
    if secret is None or "deletionTimestamp" in secret["metadata"]:
        raise BadCredential(_INVALIDATED)
    kept = base64.b64encode(token.encode()).decode()
    if (secret.get("data") or {}).get("token") != kept:
        raise BadCredential("token does not match server's copy")
    name, uid = claims[f"{_LEGACY}service-account.name"], claims[f"{_LEGACY}service-account.uid"]
    _check_account(reader, namespace, name, uid, now)
    if (secret["metadata"].get("labels") or {}).get(INVALID_SINCE):
        raise MarkedInvalid(
            f"the token in secret {namespace}/{name_of(secret)} for service account "
            f"{namespace}/{name} has been marked invalid. Use tokens from the TokenRequest API or "
            f"manually created secret-based tokens, or remove the '{INVALID_SINCE}' label from the "
            "secret to temporarily allow use of this token"
        )


def secret_of(claims: Claims, reader: Reader) -> Object | None:
    """Return the Secret that holds a legacy token, ``None`` for another token or without one."""
    if claims["iss"] != LEGACY_ISSUER:
        return None
    return reader.get(SECRETS, claims[f"{_LEGACY}namespace"], claims[f"{_LEGACY}secret.name"])


def _is_gone(document: Object, now: float) -> bool:
    deleted = document["metadata"].get("deletionTimestamp")
    return deleted is not None and parse_seconds(deleted) < now - LEEWAY


def _reference(document: Object) -> dict[str, str]:
    reference = {"name": name_of(document)}
    uid = document["metadata"].get("uid")
    return {**reference, "uid": uid} if uid else reference


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("uid", ""), str)
    )
