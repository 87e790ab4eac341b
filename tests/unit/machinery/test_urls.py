"""URLs are taken apart as Go programs do it."""

from __future__ import annotations

import pytest

from apiserver.machinery.urls import URL, URLError, parse_url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://a.example.com/b?c=d#e", URL("https", "", "a.example.com", "c=d", "e")),
        ("HTTPS://u:p@a:443", URL("https", "u:p", "a:443", "", "")),
        ("https://[::1]:8443/", URL("https", "", "[::1]:8443", "", "")),
        ("https://[fe80::1%25eth0]/", URL("https", "", "[fe80::1%25eth0]", "", "")),
        ("https://a:/", URL("https", "", "a:", "", "")),
        ("https:a/b", URL("https", "", "", "", "")),
        ("https:///a", URL("https", "", "", "", "")),
        ("///a", URL("", "", "", "", "")),
        ("//a/b:c", URL("", "", "a", "", "")),
        ("a b/c:d", URL("", "", "", "", "")),
        ("https://\u00e4/\u00e4 b?%zz", URL("https", "", "\u00e4", "%zz", "")),
        ("", URL("", "", "", "", "")),
    ],
)
def test_a_url_has_parts(text: str, parts: URL) -> None:
    assert parse_url(text) == parts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (":a", 'parse ":a": missing protocol scheme'),
        ("1:2", 'parse "1:2": first path segment in URL cannot contain colon'),
        ("https://a\n", 'parse "https://a\\n": net/url: invalid control character in URL'),
        ("https://a b/", 'parse "https://a b/": invalid character " " in host name'),
        ("https://a:b/#c", 'parse "https://a:b/": invalid port ":b" after host'),
        ("https://a:1:2/", 'parse "https://a:1:2/": invalid port ":1:2" after host'),
        ("https://[::1/", """parse "https://[::1/": missing ']' in host"""),
        ("https://[::1]a/", 'parse "https://[::1]a/": invalid port "a" after host'),
        ("https://%41/", 'parse "https://%41/": invalid URL escape "%41"'),
        ("https://a%/", 'parse "https://a%/": invalid URL escape "%"'),
        ("https://a/%zz", 'parse "https://a/%zz": invalid URL escape "%zz"'),
        ("https://a/%2", 'parse "https://a/%2": invalid URL escape "%2"'),
        ("https://a/#%zzz", 'parse "https://a/#%zzz": invalid URL escape "%zz"'),
        ("https://a b@c/", 'parse "https://a b@c/": net/url: invalid userinfo'),
    ],
)
def test_another_text_is_no_url(text: str, problem: str) -> None:
    with pytest.raises(URLError) as error:
        parse_url(text)
    assert str(error.value) == problem
