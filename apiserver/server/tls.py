"""The TLS context of the server."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from apiserver.server.ciphers import CIPHER_SUITES, VERSIONS
from apiserver.server.pki import Identity, IdentityError


class ReloadableContext(ssl.SSLContext):
    """A context whose new handshakes follow another context, which can be built again.

    ``authorities_changed`` is called if other CAs are trusted from then on.
    """

    build: Callable[[], ssl.SSLContext]
    authorities_changed: Callable[[], None]
    current: ssl.SSLContext

    def __new__(cls, build: Callable[[], ssl.SSLContext]) -> Self:
        """Return a context that follows what ``build`` returns. Raises what ``build`` raises."""
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context.build, context.authorities_changed = build, _nothing
        context.current = build()
        return context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.current.wrap_bio(*args, **kwargs)

    def reload(self) -> None:
        """Follow a new context. Raises what ``build`` raises; the old context stays then."""
        previous, self.current = self.current, self.build()
        if _trusted(previous) != _trusted(self.current):
            self.authorities_changed()


def _nothing() -> None:
    pass


def _trusted(context: ssl.SSLContext) -> set[bytes]:
    return set(context.get_ca_certs(binary_form=True))


def tls_context(
    identity: Identity,
    authorities: Sequence[str],
    min_version: str = "",
    cipher_suites: Sequence[str] = (),
) -> ssl.SSLContext:
    """Return the TLS context of the server. Client certificates are requested, not required.

    ``authorities`` are files of CAs that sign such certificates, beside its own; empty names do
    not count. ``min_version`` and ``cipher_suites`` are names in `apiserver.server.ciphers`; empty
    is the default. Raises IdentityError for files that are not certificates or do not match.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[min_version or "VersionTLS12"]
    if cipher_suites:
        chosen = [CIPHER_SUITES[name] for name in cipher_suites if CIPHER_SUITES[name]]
        # Without a suite of TLS 1.2 only TLS 1.3 is left.
        if chosen:
            context.set_ciphers(":".join(chosen))
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = ssl.CERT_OPTIONAL
    # As in Go, every certificate of a CA file is a trust anchor, intermediate ones included.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    serving = identity.serving
    with _naming_files(f"{serving.certificate}, {serving.key}"):
        context.load_cert_chain(serving.certificate, serving.key)
    for authority in filter(None, (str(identity.ca.certificate), *authorities)):
        with _naming_files(authority):
            context.load_verify_locations(authority)
    return context


@contextmanager
def _naming_files(files: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise IdentityError(f"{files}: {error.reason or error}") from error
