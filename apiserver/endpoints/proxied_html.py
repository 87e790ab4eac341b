"""Rewrites the links in an HTML document as it passes through.

The document is not parsed: only start tags matter, and what must not be mistaken for one (comments,
scripts and other raw text). Everything else passes unchanged. The state is bounded, whatever the
size of the document.

Start tags are written in canonical form, as kube-apiserver writes them: names in lower case, every
attribute with a value in double quotes.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

#: A longer tag passes unchanged.
MAX_TAG: Final = 16 * 1024
#: How much of a compressed document is expanded at a time, in bytes.
_PIECE: Final = 64 * 1024

#: The attributes that are URLs, by the name of their element.
_LINKS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(attributes.split())
    for name, attributes in {
        "a": "href", "applet": "codebase", "area": "href", "audio": "src", "base": "href",
        "blockquote": "cite", "body": "background", "button": "formaction", "command": "icon",
        "del": "cite", "embed": "src", "form": "action", "frame": "longdesc src",
        "head": "profile", "html": "manifest", "iframe": "longdesc src",
        "img": "longdesc src usemap", "input": "src usemap formaction", "ins": "cite",
        "link": "href", "object": "classid codebase data usemap", "q": "cite", "script": "src",
        "source": "src", "video": "poster src",
    }.items()
}  # fmt: skip
_NO_LINKS: Final[frozenset[str]] = frozenset()
#: Elements whose content is text up to their end tag.
_RAW: Final = {
    name: re.compile(rb"</%b(?=[\s/>])" % name.encode(), re.IGNORECASE)
    for name in ("iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp")
}
_COMMENT: Final = b"<!--"
_COMMENT_END: Final = re.compile(rb"-->")
#: The longest match of a terminator, so much must be kept until more has come.
_TERMINATOR: Final = 16
# A quote opens a value only after an equals sign. Nothing here backtracks.
_TAG: Final = re.compile(
    rb"""<([A-Za-z][^\s/>]*+)((?>[^>=]++|=\s*+(?>"[^"]*+"|'[^']*+'|(?!["'])))*+)>"""
)
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*+(=?[^\s/>=]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>]*+))?+"""
)
_ESCAPED: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\r": "&#13;"}
)


class Transformation(Protocol):
    """Changes a stream of bytes piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be written after a piece has come; at most a bounded part is kept."""
        ...

    def close(self) -> Iterator[bytes]:
        """Yield the rest."""
        ...


class LinkRewriter:
    """Rewrites the links of an HTML document with ``rewrite``."""

    def __init__(self, rewrite: Callable[[str], str]) -> None:
        self._rewrite = rewrite
        self._kept = b""
        #: What ends the raw text or comment that the document is in.
        self._until: re.Pattern[bytes] | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, at = self._kept + data, 0
        while True:
            found = self._passed(data, at)
            if found is None:
                break
            piece, at = found
            yield piece
        self._kept = data[at:]

    def close(self) -> Iterator[bytes]:
        yield self._kept
        self._kept = b""

    def _passed(self, data: bytes, at: int) -> tuple[bytes, int] | None:
        """Return the next output and the next offset, ``None`` to wait for more input."""
        if at == len(data):
            return None
        if self._until is not None:
            return self._pass_raw(data, at, self._until)
        start = data.find(b"<", at)
        if start != at:
            end = start if start >= 0 else len(data)
            return data[at:end], end
        if data.startswith(_COMMENT, at):
            self._until = _COMMENT_END
            return _COMMENT, at + len(_COMMENT)
        if _COMMENT.startswith(data[at : at + len(_COMMENT)]):
            return None
        if not data[at + 1 : at + 2].isalpha():
            return b"<", at + 1
        tag = _TAG.match(data, at)
        if tag is not None:
            return self._rewritten(tag), tag.end()
        return (b"<", at + 1) if len(data) - at > MAX_TAG else None

    def _pass_raw(self, data: bytes, at: int, until: re.Pattern[bytes]) -> tuple[bytes, int] | None:
        end = until.search(data, at)
        if end is not None:
            self._until = None
            return data[at : end.end()], end.end()
        safe = len(data) - _TERMINATOR
        return (data[at:safe], safe) if safe > at else None

    def _rewritten(self, tag: re.Match[bytes]) -> bytes:
        name = _text(tag[1]).lower()
        inside = _text(tag[2])
        self._until = _RAW.get(name)
        links = _LINKS.get(name, _NO_LINKS)
        parts = [f"<{name}"]
        for attribute in _ATTRIBUTE.finditer(inside.removesuffix("/")):
            key, value = attribute[1].lower(), html.unescape(_unquoted(attribute[2] or ""))
            if key in links:
                value = self._rewrite(value)
            parts.append(f' {key}="{value.translate(_ESCAPED)}"')
        parts.append("/>" if inside.endswith("/") else ">")
        return "".join(parts).encode("utf-8", "surrogateescape")


class Recompressed:
    """Applies a transformation to the content of a compressed stream."""

    def __init__(self, inner: Transformation, encoding: str) -> None:
        # ``deflate`` is without the header of zlib here, as kube-apiserver has it.
        bits = 16 + zlib.MAX_WBITS if encoding == "gzip" else -zlib.MAX_WBITS
        self._inner = inner
        self._expand = zlib.decompressobj(bits)
        self._compress = zlib.compressobj(wbits=bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            expanded = self._expand.decompress(data, _PIECE)
            yield b"".join(map(self._compress.compress, self._inner.feed(expanded)))
            if not expanded and self._expand.unconsumed_tail == data:
                return
            data = self._expand.unconsumed_tail

    def close(self) -> Iterator[bytes]:
        for piece in self._inner.feed(self._expand.flush()):
            yield self._compress.compress(piece)
        for piece in self._inner.close():
            yield self._compress.compress(piece)
        yield self._compress.flush()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ('"', "'") else value
