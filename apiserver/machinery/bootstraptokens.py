"""Bootstrap tokens: the first credentials of nodes that join a cluster.

A token is ``ID.SECRET``. A Secret of a type of its own in kube-system has both parts, when the
token expires, and what it may be used for. See "Authenticating with Bootstrap Tokens" in the
documentation.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Final

from apiserver.machinery.objects import Object
from apiserver.machinery.times import parse

TYPE: Final = "bootstrap.kubernetes.io/token"
NAMESPACE: Final = "kube-system"
NAME_PREFIX: Final = "bootstrap-token-"
USER_PREFIX: Final = "system:bootstrap:"
GROUP: Final = "system:bootstrappers"
ID, SECRET, EXPIRATION = "token-id", "token-secret", "expiration"
AUTHENTICATION, SIGNING = "usage-bootstrap-authentication", "usage-bootstrap-signing"
_GROUPS: Final = "auth-extra-groups"
_TOKEN: Final = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})", re.ASCII)
_GROUP: Final = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]", re.ASCII)


def parse_token(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a token, ``None`` for another type of token."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else (found[1], found[2])


def text_of(secret: Object, key: str) -> str:
    """Return a member of the data of a Secret, ``""`` if it is missing or no text."""
    try:
        return b64decode((secret.get("data") or {}).get(key) or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def expiration_of(secret: Object) -> float | None:
    """Return when a token expires, in seconds since 1970, ``None`` for never.

    One with a time that cannot be read has always been expired.
    """
    text = text_of(secret, EXPIRATION)
    if not text:
        return None
    try:
        seconds, nanos = parse(text)
    except ValueError:
        return 0.0
    return seconds + nanos / 1e9


def has_expired(secret: Object, now: float) -> bool:
    """Return whether a token has expired."""
    expiration = expiration_of(secret)
    return expiration is not None and expiration <= now


def groups_of(secret: Object) -> tuple[str, ...] | None:
    """Return the groups of a token, ``None`` if one has a name that is not allowed."""
    text = text_of(secret, _GROUPS)
    extra = text.split(",") if text else []
    if not all(map(_GROUP.fullmatch, extra)):
        return None
    return tuple(sorted({GROUP, *extra}))
