"""The TLS context of connections to other servers: webhooks and issuers of tokens."""

from __future__ import annotations

import ssl
from collections.abc import Callable


def client_context(
    authorities: str, prepare: Callable[[ssl.SSLContext], None] | None = None
) -> ssl.SSLContext:
    """Return a context that verifies servers as Go's clients do.

    ``authorities`` are certificates in PEM. ``prepare`` may add a client certificate, and
    certificates to trust. Without any those of the operating system are trusted, which takes tens
    of milliseconds. Raises ssl.SSLError and ValueError for unusable certificates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As in Go, a certificate may be trusted without its issuer, and its common name says nothing.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    if prepare is not None:
        prepare(context)
    if authorities:
        context.load_verify_locations(cadata=authorities)
    elif not context.get_ca_certs():
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context
