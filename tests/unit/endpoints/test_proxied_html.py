"""Links in proxied HTML: rewriting, in chunks of any size."""

from __future__ import annotations

import gzip
import zlib

import pytest

from apiserver.endpoints.proxied_html import MAX_TAG, LinkRewriter, Recompressed, Transformation
from apiserver.endpoints.proxied_links import ProxyMapping, without_dots

PLACE = ProxyMapping("/api/s/proxy", "10.0.0.1:80", "server:6443")


def passed(transformation: Transformation, document: bytes, size: int = 1 << 20) -> bytes:
    pieces = [document[at : at + size] for at in range(0, len(document), size)]
    written = [piece for given in pieces for piece in transformation.feed(given)]
    return b"".join([*written, *transformation.close()])


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/", "/api/s/proxy/"),
        ("/a/b/?c=d#e", "/api/s/proxy/a/b/?c=d#e"),
        ("/a//b/../c", "/api/s/proxy/a/c"),
        ("/../../a", "/api/s/proxy/a"),
        ("http://10.0.0.1:80/a", "/api/s/proxy/a"),
        ("//10.0.0.1:80/a", "/api/s/proxy/a"),
        ("https://server:6443/a", "https://server:6443/api/s/proxy/a"),
        ("/api/s/proxy/a", "/api/s/proxy/a"),
        ("a/b", "a/b"),
        ("", ""),
        ("?a", "?a"),
        ("#a", "#a"),
        ("mailto:a@b", "mailto:a@b"),
        ("https://other/a", "https://other/a"),
        ("//other/a", "//other/a"),
        ("http://[no", "http://[no"),
    ],
)
def test_links_lead_through_the_proxy(link: str, expected: str) -> None:
    assert PLACE.rewritten(link) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("//a//b%2F", "//a//b%2F"),
        ("/a/./b", "/a/b"),
        ("/a/../b/", "/b/"),
        ("/a/%2e%2E", "/"),
        ("/../..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/..b", "/a/..b"),
    ],
)
def test_dot_segments_are_removed(path: str, expected: str) -> None:
    assert without_dots(path) == expected


DOCUMENTS = [
    (b"plain < text <3 </a> & more", b"plain < text <3 </a> & more"),
    (b"<a href=/x>t</a>", b'<a href="/api/s/proxy/x">t</a>'),
    (b"<A HREF='/x?a=1&amp;b=2' x>", b'<a href="/api/s/proxy/x?a=1&amp;b=2" x="">'),
    (b"<img src = \"/i\" alt='>'/>", b'<img src="/api/s/proxy/i" alt="&gt;"/>'),
    (b"<p src=/x href='/y'>", b'<p src="/x" href="/y">'),
    (b"<input formaction=/f usemap=\"/m\">",
     b'<input formaction="/api/s/proxy/f" usemap="/api/s/proxy/m">'),
    (b"<!-- <a href=/x> --><a href=/y>", b'<!-- <a href=/x> --><a href="/api/s/proxy/y">'),
    (b"<!doctype html><br>", b"<!doctype html><br>"),
    (b"<script src=/s>'<a href=/x>'</SCRIPT ><a href=/y>",
     b"<script src=\"/api/s/proxy/s\">'<a href=/x>'</SCRIPT ><a href=\"/api/s/proxy/y\">"),
    (b"<title><a href=/x></title>", b"<title><a href=/x></title>"),
    ("<a href=/\u20ac>\u20ac</a>".encode(), '<a href="/api/s/proxy/\u20ac">\u20ac</a>'.encode()),
    (b"<a href=/\xff>\xff", b'<a href="/api/s/proxy/\xff">\xff'),
    # What is never closed is no tag.
    (b"<a href=\"/x>", b"<a href=\"/x>"),
    (b"<", b"<"),
    (b"<!-- no end <a href=/x>", b"<!-- no end <a href=/x>"),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
@pytest.mark.parametrize(("document", "expected"), DOCUMENTS)
def test_start_tags_are_rewritten(document: bytes, expected: bytes, size: int) -> None:
    assert passed(LinkRewriter(PLACE.rewritten), document, size) == expected


def test_little_is_kept_of_what_never_ends() -> None:
    for start in (b"<!--", b"<script>", b"<a ", b'<a b="', b""):
        rewriter = LinkRewriter(PLACE.rewritten)
        written = sum(len(piece) for piece in rewriter.feed(start + b"x" * 10 * MAX_TAG))
        assert written > 9 * MAX_TAG


def test_compressed_documents_stay_compressed() -> None:
    document, expected = (b"".join(parts) * 1000 for parts in zip(*DOCUMENTS[:12], strict=True))
    for size in (100, 1 << 20):
        found = passed(
            Recompressed(LinkRewriter(PLACE.rewritten), "gzip"), gzip.compress(document), size
        )
        assert gzip.decompress(found) == expected
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = raw.compress(document) + raw.flush()
    found = passed(Recompressed(LinkRewriter(PLACE.rewritten), "deflate"), packed)
    assert zlib.decompress(found, -zlib.MAX_WBITS) == expected


def test_a_small_document_may_be_large_when_expanded() -> None:
    bomb = gzip.compress(b"x" * (64 << 20))
    pieces = Recompressed(LinkRewriter(PLACE.rewritten), "gzip").feed(bomb)
    assert all(len(piece) < 1 << 20 for piece in pieces)


def test_what_is_not_compressed_is_an_error() -> None:
    with pytest.raises(zlib.error):
        passed(Recompressed(LinkRewriter(PLACE.rewritten), "gzip"), b"<a href=/x>")
