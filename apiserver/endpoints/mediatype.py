"""The media type in a Content-Type header: RFC 9110 section 8.3, as strict as Go's reader of it."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.textcache import cache_by_text

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE: Final = re.compile(rf"{_TOKEN}(?:/{_TOKEN})?\Z")
_PARAMETER: Final = re.compile(
    rf'\s*;\s*(?P<name>{_TOKEN})\s*=\s*(?P<value>{_TOKEN}|"(?:[^"\\\r\n]|\\.)*")'
)


@cache_by_text(256)
def media_type_of(header: str) -> str | None:
    """Return the media type in lower case, ``None`` where type or parameters are malformed.

    ``application/json; charset`` is malformed, and so is a parameter that is given twice with
    different values; a semicolon at the end is not.
    """
    head, semicolon, _ = header.partition(";")
    media_type = head.strip().lower()
    if not _TYPE.match(media_type):
        return None
    if not semicolon:
        return media_type
    given: dict[str, str] = {}
    position = len(head)
    while parameter := _PARAMETER.match(header, position):
        value = parameter["value"]
        if given.setdefault(parameter["name"].lower(), value) != value:
            return None
        position = parameter.end()
    return media_type if header[position:].strip() in ("", ";") else None
