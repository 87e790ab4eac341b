"""The certificate of a TLS client, and the trusted one that has verified it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final

from apiserver.access.authentication.x509 import Certificate

# The encoding DER of certificates, as OpenSSL numbers it.
_DER: Final = 2
#: Of how many certificates the trusted one that has verified them is remembered.
_MAX_ANCHORS: Final = 1024
_anchors: dict[bytes, bytes] = {}


def client_certificate(transport: asyncio.BaseTransport) -> Certificate | None:
    """Return the verified certificate of the client of a connection, ``None`` if it has none."""
    peer = transport.get_extra_info("peercert")
    if not peer:
        return None
    connection = transport.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True)
    not_after = ssl.cert_time_to_seconds(peer["notAfter"])
    return Certificate(peer["subject"], der, not_after, _anchor(connection, der))


def _anchor(connection: Any, der: bytes) -> bytes:
    """Return the trusted certificate by which TLS has verified a client, empty if it is unknown."""
    # Public from Python 3.13 on.
    chain = getattr(connection, "get_verified_chain", None)
    if chain is None:
        own = getattr(connection, "_sslobj", None)
        found = own.get_verified_chain() if own is not None else None
        anchor = found[-1].public_bytes(_DER) if found else b""
    else:
        found = chain()
        anchor = found[-1] if found else b""
    if anchor:
        _remember(der, anchor)
    # A session that is resumed is not verified again.
    return anchor or _anchors.get(der, b"")


def _remember(der: bytes, anchor: bytes) -> None:
    if len(_anchors) >= _MAX_ANCHORS:
        del _anchors[next(iter(_anchors))]
    _anchors[der] = anchor
