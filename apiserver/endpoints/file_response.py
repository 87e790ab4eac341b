"""Conditional and partial responses: preconditions and byte ranges of RFC 9110, sections 13 and 14.

The rules are those that ``http.ServeContent`` of Go applies to a file, which differ from the RFC
where the RFC leaves a choice.
"""

from __future__ import annotations

import secrets
from calendar import timegm
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from time import strptime
from typing import Final

from aiohttp import web

from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.valueclasses import valueclass

_UNIT: Final = "bytes="
_READS: Final = ("GET", "HEAD")
#: The three date formats of RFC 9110, section 5.6.7.
_DATES: Final = (
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
)


@valueclass
class Validators:
    """The validators of a file (RFC 9110): its entity tag and its modification time.

    ``etag``: the entity tag without quotes, ``""`` if there is none. ``modified``: the time of the
    last change, in seconds since 1970.
    """

    etag: str
    modified: int

    def headers(self) -> dict[str, str]:
        """Return the headers of a response with this file."""
        return {"Accept-Ranges": "bytes"} | self._date() | self._tag()

    def refusal(self, request: HTTPRequest) -> web.Response | None:
        """Return the response to a request with a false precondition, 304 or 412, else ``None``."""
        read = request.method in _READS
        expected = self._expected(request)
        if expected and self._unknown(request, read=read):
            return None
        if expected and read:
            return web.Response(status=304, headers=self._tag() or self._date())
        return web.Response(status=412, headers=self._date() | self._tag())

    def ranges(self, request: HTTPRequest, size: int) -> Sequence[range]:
        """Return the requested byte ranges, none for the whole file. Raises UnsatisfiableRange."""
        wanted = request.header("Range")
        condition = request.header("If-Range")
        if not wanted or (
            condition and request.method in _READS and not self._same(condition.strip())
        ):
            return ()
        found = parse_ranges(wanted, size)
        # More bytes than the file has are an attack or a mistake.
        return found if sum(map(len, found)) <= size else ()

    def _date(self) -> dict[str, str]:
        return {"Last-Modified": formatdate(self.modified, usegmt=True)}

    def _tag(self) -> dict[str, str]:
        return {"ETag": f'"{self.etag}"'} if self.etag else {}

    def _expected(self, request: HTTPRequest) -> bool:
        tags = request.header("If-Match")
        if tags:
            return _contains(tags.split(","), self.etag)
        date = _parse_date(request.header("If-Unmodified-Since"))
        return date is None or self.modified <= date

    def _unknown(self, request: HTTPRequest, *, read: bool) -> bool:
        tags = request.header("If-None-Match")
        if tags:
            return not _contains(
                [tag.strip().removeprefix("W/") for tag in tags.split(",")], self.etag
            )
        date = _parse_date(request.header("If-Modified-Since")) if read else None
        return date is None or self.modified > date

    def _same(self, condition: str) -> bool:
        if condition.startswith(('"', "W/")):
            return bool(self.etag) and condition == f'"{self.etag}"'
        return _parse_date(condition) == self.modified


class UnsatisfiableRange(Exception):
    """The ``Range`` header is malformed, or names no byte of the file (``beyond``)."""

    status: Final = 416

    def __init__(self, *, beyond: bool = False) -> None:
        super().__init__("invalid range: failed to overlap" if beyond else "invalid range")
        self.beyond = beyond

    def response(self, size: int) -> web.Response:
        """Return the response for a file of ``size`` bytes."""
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
        }
        if self.beyond:
            headers["Content-Range"] = f"bytes */{size}"
        return web.Response(status=self.status, body=f"{self}\n".encode(), headers=headers)


def parse_ranges(header: str, size: int) -> list[range]:
    """Return the byte ranges of a ``Range`` header within ``size`` bytes.

    Ranges beyond the end are left out. Raises UnsatisfiableRange.
    """
    if not header.startswith(_UNIT):
        raise UnsatisfiableRange
    specifiers = [part.strip(" \t") for part in header.removeprefix(_UNIT).split(",")]
    parsed = [_range(each, size) for each in specifiers if each]
    found = [each for each in parsed if each is not None]
    if parsed and not found:
        raise UnsatisfiableRange(beyond=True)
    return found


def partial_response(data: bytes, ranges: Sequence[range], media_type: str) -> web.Response:
    """Return the response with these ranges of ``data``; several make a multipart body."""
    if len(ranges) == 1:
        (only,) = ranges
        headers = {"Content-Type": media_type, "Content-Range": _content_range(only, len(data))}
        return web.Response(status=206, body=data[only.start : only.stop], headers=headers)
    boundary = secrets.token_hex(30)
    headers = {"Content-Type": f"multipart/byteranges; boundary={boundary}"}
    body = b"".join(_multipart(data, ranges, media_type, boundary))
    return web.Response(status=206, body=body, headers=headers)


def _multipart(
    data: bytes, ranges: Iterable[range], media_type: str, boundary: str
) -> Iterable[bytes]:
    line_break = ""
    for each in ranges:
        yield (
            f"{line_break}--{boundary}\r\nContent-Range: {_content_range(each, len(data))}\r\n"
            f"Content-Type: {media_type}\r\n\r\n"
        ).encode()
        yield data[each.start : each.stop]
        line_break = "\r\n"
    yield f"\r\n--{boundary}--\r\n".encode()


def _content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def _range(specifier: str, size: int) -> range | None:
    """Return the range of one specifier, ``None`` if it begins beyond the end."""
    first, dash, last = (part.strip(" \t") for part in specifier.partition("-"))
    if not dash:
        raise UnsatisfiableRange
    if not first:
        return range(max(size - _number(last), 0), size)
    start = _number(first)
    if start >= size:
        return None
    if not last:
        return range(start, size)
    end = _number(last)
    if end < start:
        raise UnsatisfiableRange
    return range(start, min(end + 1, size))


def _number(digits: str) -> int:
    # Positions are 64-bit integers.
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise UnsatisfiableRange
    return int(digits)


def _contains(tags: Iterable[str], etag: str) -> bool:
    known = [tag.strip() for tag in tags]
    return "*" in known or (bool(etag) and f'"{etag}"' in known)


def _parse_date(header: str) -> int | None:
    for each in _DATES:
        try:
            return timegm(strptime(header, each))
        except ValueError:
            continue
    return None
