"""Continue tokens: the key after which a list stopped, and its revision. Pure.

The format is that of Kubernetes, base64 of ``{"v": "meta.k8s.io/v1", "rv": N, "start":
"name\\0"}``, so a list that began on one server can be continued on another.
"""

from __future__ import annotations

import posixpath
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import orjson

from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_json
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.valueclasses import valueclass

_VERSION = "meta.k8s.io/v1"
#: The revision in a token that continues at the latest revision; any negative one does so.
INCONSISTENT = -1
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1
_JSON_KINDS = {
    bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9_-]")


T = TypeVar("T")


@valueclass
class Continuation:
    """Continue at ``start`` (relative to the list's prefix), at ``revision``."""

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
    """Decode a token. Raises BadRequest."""
    document = _document(token)
    version, start = _member(document, "v", "string", ""), _member(document, "start", "string", "")
    revision = _member(document, "rv", "int64", 0)
    if version != _VERSION:
        raise _refused(f"server does not recognize this encoded version {version or ''}")
    if revision == 0:
        raise _refused(f"incorrect encoded start resourceVersion (version {_VERSION})")
    if not start:
        raise _refused(f"encoded start key empty (version {_VERSION})")
    if posixpath.normpath("/" + start) != "/" + start.rstrip("/"):
        raise _refused(start)
    return Continuation(start, max(revision, INCONSISTENT))


def _member(document: dict[str, Any], name: str, go_type: str, default: T) -> T:
    """Return a member of the type of ``default``, which replaces null and a missing member."""
    value = document.get(name)
    if value is None:
        return default
    if type(value) is type(default) and (
        not isinstance(value, int) or _MIN_INT64 <= value <= _MAX_INT64
    ):
        return value
    found = _JSON_KINDS[type(value)]
    if found == "number" and go_type == "int64":
        found += f" {value}"
    raise _refused(
        f"json: cannot unmarshal {found} into Go struct field continueToken.{name}"
        f" of type {go_type}"
    )


def _document(token: str) -> dict[str, Any]:
    wrong = _NOT_BASE64.search(token)
    if wrong is not None or len(token) % 4 == 1:
        position = wrong.start() if wrong is not None else len(token) - 1
        raise _refused(f"illegal base64 data at input byte {position}")
    data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    try:
        document = parse_json(data)
    except DocumentError as error:
        raise _refused(str(error)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        kind = _JSON_KINDS[type(document)]
        raise _refused(f"json: cannot unmarshal {kind} into Go value of type storage.continueToken")
    return document


def _refused(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {why}")
