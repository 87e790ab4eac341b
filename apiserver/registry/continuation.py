"""Continue tokens: where a list stopped and at which revision. Pure.

The form is Kubernetes' own, base64 of ``{"v": "meta.k8s.io/v1", "rv": N, "start": "name\\0"}``, so
that a list begun on one server goes on at another.
"""

from __future__ import annotations

import posixpath
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import orjson

from apiserver.machinery.errors import BadRequest

_VERSION = "meta.k8s.io/v1"
INCONSISTENT = -1


@dataclass(frozen=True, slots=True)
class Continuation:
    """Go on at ``start`` (relative to the list's prefix), at ``revision``."""

    start: str
    revision: int

    def encode(self) -> str:
        """Return the token."""
        document = {"v": _VERSION, "rv": self.revision, "start": self.start}
        return urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")


def after(prefix: str, key: str, revision: int) -> str:
    """Return the token of a list of ``prefix`` at ``revision`` that stopped after ``key``."""
    return Continuation(key[len(prefix) :] + "\0", revision).encode()


def decode(token: str) -> Continuation:
    """Read a token. Raises BadRequest."""
    try:
        document = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        version, revision, start = document["v"], document["rv"], document["start"]
    except (ValueError, TypeError, KeyError) as error:
        raise _refused(str(error)) from error
    if version != _VERSION:
        raise _refused(f"server does not recognize this encoded version {version}")
    if not isinstance(revision, int) or revision == 0:
        raise _refused(f"incorrect encoded start resourceVersion (version {_VERSION})")
    if not isinstance(start, str) or not start:
        raise _refused(f"encoded start key empty (version {_VERSION})")
    if posixpath.normpath("/" + start) != "/" + start.rstrip("/"):
        raise _refused(start)
    return Continuation(start, revision)


def _refused(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {why}")
