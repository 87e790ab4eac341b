"""URLs, parsed by the rules and with the error messages of Go's net/url."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote as escape
from urllib.parse import unquote_plus, unquote_to_bytes

from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.ASCII | re.DOTALL)
_PORT: Final = re.compile(r"(:[0-9]*)?", re.ASCII)
_USER: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%@:-]*", re.ASCII)
# A path that needs no further escapes.
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/\[\]%-]*", re.ASCII)
# What is not escaped in a path that does.
_SAFE: Final = "/$&+,:;=@"
# In a host, what is an escape for another character, or may not be there.
_NOT_OF_HOSTS: Final = re.compile(r"%(?:[0-9A-Fa-f]{2})?|[\x00-\x20#/?@\\^`{|}\x7f]")


class URLError(ValueError):
    """A text that is no URL."""


@valueclass
class URL:
    """The parts of a URL, as they are written but for the case of the scheme."""

    scheme: str
    user: str
    host: str
    query: str
    fragment: str
    path: str = ""

    @property
    def escaped_path(self) -> str:
        """Return the path with all characters escaped that need it."""
        if _PATH.fullmatch(self.path):
            return self.path
        return escape(unquote_to_bytes(self.path), safe=_SAFE)

    @property
    def hostname(self) -> str:
        """Return the host without a port, an address of IPv6 without its brackets."""
        name = self._split_host()[0]
        return name[1:-1] if name.startswith("[") and name.endswith("]") else name

    @property
    def port(self) -> str:
        """Return the port, ``""`` if there is none."""
        return self._split_host()[1]

    def parameters(self) -> dict[str, list[str]]:
        """Return the values of the parameters of the query; those with mistakes are left out."""
        found: dict[str, list[str]] = {}
        for part in self.query.split("&"):
            if part and ";" not in part and not _NO_ESCAPE.search(part):
                name, _, value = part.partition("=")
                found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
        return found

    def _split_host(self) -> tuple[str, str]:
        name, colon, port = self.host.rpartition(":")
        return (name, port) if colon and _PORT.fullmatch(f":{port}") else (self.host, "")


def parse_url(text: str) -> URL:
    """Parse a URL. Raises URLError."""
    plain, _, fragment = text.partition("#")
    try:
        url = _parts(plain, fragment)
    except URLError as error:
        raise URLError(f"parse {quote(plain)}: {error}") from None
    try:
        _check_escapes(fragment)
    except URLError as error:
        raise URLError(f"parse {quote(text)}: {error}") from None
    return url


def check_request_uri(text: str) -> None:
    """Check that a text is an absolute URL, or an absolute path. Raises URLError."""
    try:
        _parts(text, is_request=True)
    except URLError as error:
        raise URLError(f"parse {quote(text)}: {error}") from None


def _parts(text: str, fragment: str = "", *, is_request: bool = False) -> URL:
    if is_request and not text:
        raise URLError("empty url")
    if text == "*":
        return URL("", "", "", "", fragment, text)
    if _CONTROL.search(text):
        raise URLError("net/url: invalid control character in URL")
    if text.startswith(":"):
        raise URLError("missing protocol scheme")
    found = _SCHEME.match(text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if is_request and not scheme:
            raise URLError("invalid URI for request")
        if not scheme and ":" in rest.partition("/")[0]:
            raise URLError("first path segment in URL cannot contain colon")
        if scheme:
            return URL(scheme, "", "", query, fragment)
    user = host = ""
    has_authority = scheme or not (is_request or rest.startswith("///"))
    if rest.startswith("//") and has_authority:
        authority, slash, path = rest[2:].partition("/")
        rest = f"{slash}{path}"
        user, host = _authority(authority)
    _check_escapes(rest)
    return URL(scheme, user, host, query, fragment, rest)


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
