"""FrontProxy: a proxy that has authenticated its client, and names it in headers.

Such headers count only on a connection with a client certificate of the proxies' own authority, and
with an allowed common name. See "Authenticating Proxy" in the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol
from urllib.parse import unquote

from apiserver.access.authentication.x509 import Certificate, common_name
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


class Headers(Protocol):
    """The headers of a request; case does not count in their names."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Return all values of a header."""
        ...

    def items(self) -> Iterable[tuple[str, str]]:
        """Return the names, as they were sent, with their values."""
        ...


class UnknownProxy(Exception):
    """A certificate is one of a proxy, but not of an allowed one."""


@valueclass
class ProxyHeaders:
    """The names of headers, in order: for a user and a uid the first one with a value counts.

    What follows one of ``extra_prefixes``, which are in lower case, is the key of an extra value,
    percent-encoded.
    """

    user: tuple[str, ...]
    uid: tuple[str, ...]
    groups: tuple[str, ...]
    extra_prefixes: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """All names but those of extra values, in lower case."""
        return frozenset(name.lower() for name in (*self.user, *self.uid, *self.groups))


class FrontProxy:
    """The proxies of a server; without ``allowed_names`` their common name does not count."""

    def __init__(self, headers: ProxyHeaders, allowed_names: Collection[str]) -> None:
        self.headers = headers
        self._allowed_names = allowed_names
        self._authorities: Collection[bytes] = ()
        self._client_authorities: Collection[bytes] = ()

    def trust(self, authorities: Collection[bytes], clients: Collection[bytes]) -> None:
        """Trust these authorities (DER) from now on.

        ``clients`` are those that certify ordinary clients, which may be some of them.
        """
        self._authorities = authorities
        self._client_authorities = clients

    def certifies_clients(self, certificate: Certificate) -> bool:
        """Return whether a certificate may be that of a client, and not only of a proxy."""
        return certificate.anchor in self._client_authorities

    def user_of(self, certificate: Certificate, headers: Headers) -> UserInfo | None:
        """Return the user that a proxy names, ``None`` without a proxy or a name.

        Raises UnknownProxy.
        """
        if certificate.anchor not in self._authorities:
            return None
        name = common_name(certificate)
        if self._allowed_names and name not in self._allowed_names:
            raise UnknownProxy(f"x509: subject with cn={name} is not in the allowed list")
        names = self.headers
        user = _first(headers, names.user)
        if not user:
            return None
        groups = [_text(value) for name in names.groups for value in headers.getall(name, ())]
        return UserInfo(
            user,
            uid=_first(headers, names.uid),
            groups=tuple(filter(None, groups)),
            extra=_extra(headers, names.extra_prefixes),
        )


def _first(headers: Headers, names: Sequence[str]) -> str:
    values = (next(iter(headers.getall(name, ())), "") for name in names)
    return _text(next(filter(None, values), ""))


def _extra(headers: Headers, prefixes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in prefixes:
        for name, value in headers.items():
            field = name.lower()
            if field.startswith(prefix):
                key = field.removeprefix(prefix)
                key = key if _BROKEN_ESCAPE.search(key) else unquote(key)
                extra[key] = (*extra.get(key, ()), _text(value))
    return extra


def _text(value: str) -> str:
    # Bytes that are no UTF-8 could not be shown in an answer.
    return value.encode(errors="surrogateescape").decode(errors="replace")
