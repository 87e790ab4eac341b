"""The format ``uri``: what Go's ``url.ParseRequestURI`` accepts.

That is an absolute URI, with an authority or without, or an absolute path. See RFC 3986.
"""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_PERCENT: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST_CHARACTER: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]"
# In a host, only characters outside of ASCII may be encoded, and the percent sign.
_HOST: Final = re.compile(f"(?:{_HOST_CHARACTER}|%[89a-fA-F][0-9a-fA-F]|%25)*")
_ZONE: Final = re.compile(f"(?:{_HOST_CHARACTER}|%[0-9a-fA-F]{{2}})*")
_PORT: Final = re.compile(r"(?::[0-9]*)?")


def is_uri(text: str) -> bool:
    """Return whether a text is an absolute URI or an absolute path."""
    if not text or _CONTROL.search(text):
        return False
    if text == "*":
        return True
    scheme = _SCHEME.match(text)
    if scheme is None and text.startswith(":"):
        return False
    rest = (text[scheme.end() :] if scheme else text).partition("?")[0]
    if not rest.startswith("/"):
        return scheme is not None
    if scheme is not None and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        return _is_authority(authority) and not _PERCENT.search(slash + path)
    return not _PERCENT.search(rest)


def _is_authority(text: str) -> bool:
    userinfo, at, host = text.rpartition("@")
    if at and (not _USERINFO.fullmatch(userinfo) or _PERCENT.search(userinfo)):
        return False
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0 or not _PORT.fullmatch(host, end + 1):
            return False
        name, percent, zone = host[:end].partition("%25")
        zoned = not percent or _ZONE.fullmatch(zone) is not None
        return zoned and _HOST.fullmatch(name) is not None
    _, colon, port = host.rpartition(":")
    return (not colon or _PORT.fullmatch(colon + port) is not None) and (
        _HOST.fullmatch(host) is not None
    )
