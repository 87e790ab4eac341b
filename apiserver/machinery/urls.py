"""URLs, taken apart as Go programs do it: with their rules, and the words of their errors."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.ASCII | re.DOTALL)
_PORT: Final = re.compile(r"(:[0-9]*)?", re.ASCII)
_USER: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%@:-]*", re.ASCII)
# In a host, what is an escape for another character, or may not be there.
_NOT_OF_HOSTS: Final = re.compile(
    r"%(?:[0-9A-Fa-f]{2})?|[^A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"\x80-\U0010ffff-]"
)


class URLError(ValueError):
    """A text that is no URL."""


@valueclass
class URL:
    """The parts of a URL, without its path."""

    scheme: str
    user: str
    host: str
    query: str
    fragment: str


def parse_url(text: str) -> URL:
    """Take a URL apart. Raises URLError."""
    plain, _, fragment = text.partition("#")
    try:
        scheme, user, host, query = _parts(plain)
    except URLError as error:
        raise URLError(f"parse {quote(plain)}: {error}") from None
    try:
        _check_escapes(fragment)
    except URLError as error:
        raise URLError(f"parse {quote(text)}: {error}") from None
    return URL(scheme, user, host, query, fragment)


def _parts(text: str) -> tuple[str, str, str, str]:
    if _CONTROL.search(text):
        raise URLError("net/url: invalid control character in URL")
    if text.startswith(":"):
        raise URLError("missing protocol scheme")
    found = _SCHEME.match(text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            raise URLError("first path segment in URL cannot contain colon")
        if scheme:
            return scheme, "", "", query
    user = host = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = f"{slash}{path}"
        user, host = _authority(authority)
    _check_escapes(rest)
    return scheme, user, host, query


def _authority(text: str) -> tuple[str, str]:
    user, _, host = text.rpartition("@")
    _check_host(host)
    if not _USER.fullmatch(user):
        raise URLError("net/url: invalid userinfo")
    _check_escapes(user)
    return user, host


def _check_host(host: str) -> None:
    if host.startswith("["):
        address, bracket, port = host.rpartition("]")
        if not bracket:
            raise URLError("missing ']' in host")
        # A zone may have any escapes.
        host = address.partition("%25")[0]
    else:
        port = host[len(host.partition(":")[0]) :]
    if not _PORT.fullmatch(port):
        raise URLError(f"invalid port {quote(port)} after host")
    for found in _NOT_OF_HOSTS.finditer(host):
        character = found[0]
        if not character.startswith("%"):
            raise URLError(f"invalid character {quote(character)} in host name")
        if len(character) < 3 or (character[1] < "8" and character != "%25"):
            raise _no_escape(host[found.start() :][:3])


def _check_escapes(text: str) -> None:
    found = _NO_ESCAPE.search(text)
    if found:
        raise _no_escape(found[0])


def _no_escape(text: str) -> URLError:
    return URLError(f"invalid URL escape {quote(text)}")
