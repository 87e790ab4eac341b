"""The opening handshake of a WebSocket, RFC 6455 section 4.2.1, as kube-apiserver checks it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from aiohttp import web

_VERSION: Final = "13"
_KEY_BYTES: Final = 16
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UPGRADE: Final = re.compile(r"(^|,)\s*upgrade\s*($|,)", re.IGNORECASE)


class MalformedHandshake(Exception):
    """The handshake of a client breaks the rules; the message says which."""


def is_websocket(headers: Mapping[str, str]) -> bool:
    """Return whether a request asks for a WebSocket; any other upgrade is ignored."""
    wanted = headers.get("Upgrade", "").strip().lower()
    return wanted == "websocket" and bool(_UPGRADE.search(headers.get("Connection", "")))


def subprotocols(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocol to agree on, if one is offered. Raises MalformedHandshake."""
    if not _is_key(headers.get("Sec-WebSocket-Key", "")):
        raise MalformedHandshake("mismatch challenge/response")
    if headers.get("Sec-WebSocket-Version") != _VERSION:
        raise MalformedHandshake("missing or bad WebSocket Version")
    offered = headers.get("Sec-WebSocket-Protocol", "").strip()
    if not offered:
        return []
    protocols = [each.strip() for each in offered.split(",")]
    # Nothing says which of several protocols a watch would be.
    if len(protocols) > 1 or not _TOKEN.fullmatch(protocols[0]):
        raise MalformedHandshake("missing or bad WebSocket-Protocol")
    return protocols


def refused_handshake(error: MalformedHandshake) -> web.Response:
    """Return the 400 for a handshake; it names the version that is spoken here."""
    return web.Response(status=400, text=str(error), headers={"Sec-WebSocket-Version": _VERSION})


def _is_key(key: str) -> bool:
    try:
        return len(b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
