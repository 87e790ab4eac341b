"""Preconditions and byte ranges of a file of ten bytes, by the rules of ``http.ServeContent``."""

from __future__ import annotations

import pytest

from apiserver.endpoints.file_response import (
    UnsatisfiableRange,
    Validators,
    parse_ranges,
    partial_response,
)
from apiserver.endpoints.http_request import HTTPRequest
from tests.unit.endpoints.made_requests import made_request

SIZE = 10
DATA = b"0123456789"
OLDER, SAME, NEWER = (f"Thu, 01 Jan 1970 00:00:{second} GMT" for second in ("09", "10", "11"))
TAGGED = Validators("t", 10)
UNTAGGED = Validators("", 10)


def ask(method: str = "GET", **headers: str) -> HTTPRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return made_request(method, "/x", named)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-3", [range(4)]),
        ("bytes=4-", [range(4, 10)]),
        ("bytes=4-99", [range(4, 10)]),
        ("bytes=-3", [range(7, 10)]),
        ("bytes=-99", [range(10)]),
        ("bytes= 0 - 1 ,, 9-9", [range(2), range(9, 10)]),
        ("bytes=0-1,10-11", [range(2)]),
        ("bytes=", []),
    ],
)
def test_a_range_names_bytes(header: str, expected: list[range]) -> None:
    assert parse_ranges(header, SIZE) == expected


@pytest.mark.parametrize(
    ("header", "beyond"),
    [
        ("bytes=10-", True),
        ("bytes=10-11,99-", True),
        ("items=0-1", False),
        ("bytes=1", False),
        ("bytes=-", False),
        ("bytes=--1", False),
        ("bytes=3-2", False),
        ("bytes=a-2", False),
        ("bytes=0-99999999999999999999", False),
    ],
)
def test_a_range_that_names_none_is_refused(header: str, *, beyond: bool) -> None:
    with pytest.raises(UnsatisfiableRange) as refused:
        parse_ranges(header, SIZE)
    response = refused.value.response(SIZE)
    assert response.status == 416
    assert response.headers.get("Content-Range") == ("bytes */10" if beyond else None)
    reason = b": failed to overlap" if beyond else b""
    assert response.body == b"invalid range" + reason + b"\n"


@pytest.mark.parametrize(
    ("state", "headers", "status"),
    [
        (TAGGED, {}, None),
        (TAGGED, {"If_None_Match": '"x", W/"t"'}, 304),
        (TAGGED, {"If_None_Match": "*"}, 304),
        (TAGGED, {"If_None_Match": '"x"', "If_Modified_Since": SAME}, None),
        (UNTAGGED, {"If_None_Match": '""'}, None),
        (TAGGED, {"If_Modified_Since": OLDER}, None),
        (TAGGED, {"If_Modified_Since": SAME}, 304),
        (UNTAGGED, {"If_Modified_Since": NEWER}, 304),
        (TAGGED, {"If_Modified_Since": "yesterday"}, None),
        (TAGGED, {"If_Modified_Since": "Thursday, 01-Jan-70 00:00:10 GMT"}, 304),
        (TAGGED, {"If_Modified_Since": "Thu Jan  1 00:00:10 1970"}, 304),
        (TAGGED, {"If_Match": '"t"'}, None),
        (TAGGED, {"If_Match": 'W/"t"'}, 412),
        (UNTAGGED, {"If_Match": '"t"'}, 412),
        (UNTAGGED, {"If_Match": "*"}, None),
        (TAGGED, {"If_Unmodified_Since": OLDER}, 412),
        (TAGGED, {"If_Unmodified_Since": SAME}, None),
        (TAGGED, {"method": "POST", "If_None_Match": '"t"'}, 412),
        (TAGGED, {"method": "POST", "If_Modified_Since": SAME}, None),
    ],
)
def test_a_precondition_decides(
    state: Validators, headers: dict[str, str], status: int | None
) -> None:
    refusal = state.refusal(ask(**headers))
    assert (refusal and refusal.status) == status


def test_not_modified_says_what_is_kept() -> None:
    tagged, dated = (state.refusal(ask(If_None_Match="*")) for state in (TAGGED, UNTAGGED))
    assert tagged is not None
    assert dated is not None
    assert dict(tagged.headers) == {"ETag": '"t"'}
    assert dict(dated.headers) == {"Last-Modified": SAME}


@pytest.mark.parametrize(
    ("state", "condition", "partial"),
    [
        (TAGGED, '"t"', True),
        (TAGGED, 'W/"t"', False),
        (TAGGED, '"x"', False),
        (UNTAGGED, '"t"', False),
        (TAGGED, SAME, True),
        (TAGGED, NEWER, False),
    ],
)
def test_a_part_is_sent_while_the_rest_is_the_same(
    state: Validators, condition: str, *, partial: bool
) -> None:
    found = state.ranges(ask(Range="bytes=0-3", If_Range=condition), SIZE)
    assert list(found) == ([range(4)] if partial else [])


def test_more_bytes_than_there_are_is_the_whole() -> None:
    assert TAGGED.ranges(ask(Range="bytes=0-9,0-0"), SIZE) == ()
    assert TAGGED.ranges(ask(), SIZE) == ()


def test_several_parts_are_a_multipart_body() -> None:
    response = partial_response(DATA, [range(2), range(8, 10)], "text/plain")
    media_type, _, boundary = response.headers["Content-Type"].partition("; boundary=")
    assert (response.status, media_type) == (206, "multipart/byteranges")
    head = "--{}\r\nContent-Range: bytes {}/10\r\nContent-Type: text/plain\r\n\r\n{}\r\n"
    expected = head.format(boundary, "0-1", "01") + head.format(boundary, "8-9", "89")
    assert response.body == (expected + f"--{boundary}--\r\n").encode()
