"""The headers of every response, warnings among them."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from apiserver.endpoints.buffered_response import BufferedResponse
from apiserver.endpoints.headers import add_common_headers, warning_headers
from tests.unit.endpoints.made_requests import made_request


@pytest.mark.parametrize("flow", [None, ("schema", "level")])
@pytest.mark.parametrize("control", ["", "public"])
@pytest.mark.parametrize("warnings", [[], ["one", 'a "b"']])
def test_they_are_the_same_however_a_response_is_written(
    flow: Any, control: str, warnings: list[str]
) -> None:
    request = made_request("GET", "/", {"Audit-Id": "mine"})
    request.flow, request.warnings = flow, warnings
    streamed: Any = web.StreamResponse()
    buffered: Any = BufferedResponse(200, b"", "text/plain")
    for response in (streamed, buffered):
        if control:
            response.headers["Cache-Control"] = control
        add_common_headers(request, response)
    lines = [f"{name}: {value}" for name, value in streamed.headers.items()]
    if control:
        # Its own header comes first.
        assert lines.pop(0) == "Cache-Control: public"
    assert buffered.common.split("\r\n")[1:] == lines


def test_a_warning_is_quoted_and_told_once() -> None:
    assert warning_headers(['a "b" \\ c', 'a "b" \\ c', "d"]) == [
        '299 - "a \\"b\\" \\\\ c"',
        '299 - "d"',
    ]


def test_what_cannot_stand_in_a_header_is_left_out() -> None:
    unfit = ["two\nlines", "a\x7f", "a\x85", "a\ud800"]
    assert warning_headers([*unfit, "one"]) == ['299 - "one"']
    # Only control characters are unfit.
    fit = ["a\xa0b", "a\u2028b", "\U0001f468\u200d\U0001f469"]
    assert warning_headers(fit) == [f'299 - "{text}"' for text in fit]


def test_few_long_warnings_stay_whole() -> None:
    assert warning_headers(["x" * 4096]) == [f'299 - "{"x" * 4096}"']


def test_many_are_cut_and_end_somewhere() -> None:
    texts = [f"{number:04}" + "x" * 1000 for number in range(100)]
    headers = warning_headers(texts)
    assert len(headers) == 16
    assert all(len(header) == 256 + len('299 - ""') for header in headers)
