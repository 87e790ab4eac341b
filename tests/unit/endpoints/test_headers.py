"""Warnings as headers."""

from __future__ import annotations

from apiserver.endpoints.headers import warning_headers


def test_a_warning_is_quoted_and_told_once() -> None:
    assert warning_headers(['a "b" \\ c', 'a "b" \\ c', "d"]) == [
        '299 - "a \\"b\\" \\\\ c"',
        '299 - "d"',
    ]


def test_what_cannot_stand_in_a_header_is_left_out() -> None:
    assert warning_headers(["two\nlines", "one"]) == ['299 - "one"']


def test_few_long_warnings_stay_whole() -> None:
    assert warning_headers(["x" * 4096]) == [f'299 - "{"x" * 4096}"']


def test_many_are_cut_and_end_somewhere() -> None:
    texts = [f"{number:04}" + "x" * 1000 for number in range(100)]
    headers = warning_headers(texts)
    assert len(headers) == 16
    assert all(len(header) == 256 + len('299 - ""') for header in headers)
