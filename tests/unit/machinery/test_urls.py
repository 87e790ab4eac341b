"""URLs are taken apart as Go programs do it."""

from __future__ import annotations

import pytest

from apiserver.machinery.urls import URL, URLError, check_request_uri, parse_url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://a.example.com/b?c=d#e", URL("https", "", "a.example.com", "c=d", "e", "/b")),
        ("HTTPS://u:p@a:443", URL("https", "u:p", "a:443", "", "")),
        ("https://[::1]:8443/", URL("https", "", "[::1]:8443", "", "", "/")),
        ("https://[fe80::1%25eth0]/", URL("https", "", "[fe80::1%25eth0]", "", "", "/")),
        ("https://a:/", URL("https", "", "a:", "", "", "/")),
        ("https:a/b", URL("https", "", "", "", "")),
        ("https:///a", URL("https", "", "", "", "", "/a")),
        ("///a", URL("", "", "", "", "", "///a")),
        ("//a/b:c", URL("", "", "a", "", "", "/b:c")),
        ("a b/c:d", URL("", "", "", "", "", "a b/c:d")),
        ("https://\u00e4/\u00e4 b?%zz", URL("https", "", "\u00e4", "%zz", "", "/\u00e4 b")),
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


@pytest.mark.parametrize(
    ("text", "hostname", "port", "path", "parameters"),
    [
        ("https://a:80/b c?d=e&d=f", "a", "80", "/b%20c", {"d": ["e", "f"]}),
        ("https://[::1]:80/%2f!", "::1", "80", "/%2f!", {}),
        ("https://[::1]?a+b=c%20d&e", "::1", "", "", {"a b": ["c d"], "e": [""]}),
        ("/a'<b>", "", "", "/a%27%3Cb%3E", {}),
        ("https://a:?x=%zz&y;z=1&&w=1=2", "a", "", "", {"w": ["1=2"]}),
        ("mailto:a@b", "", "", "", {}),
        ("*", "", "", "*", {}),
    ],
)
def test_parts_have_parts(
    text: str, hostname: str, port: str, path: str, parameters: dict[str, list[str]]
) -> None:
    url = parse_url(text)
    assert (url.hostname, url.port, url.escaped_path) == (hostname, port, path)
    assert url.parameters() == parameters


@pytest.mark.parametrize("text", ["/a#b", "//a b/", "*", "x:y"])
def test_requests_may_name_absolute_uris(text: str) -> None:
    check_request_uri(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'parse "": empty url'),
        ("a/b", 'parse "a/b": invalid URI for request'),
        ("#a", 'parse "#a": invalid URI for request'),
        ("https://a b/#", 'parse "https://a b/#": invalid character " " in host name'),
    ],
)
def test_requests_name_no_other_uris(text: str, problem: str) -> None:
    with pytest.raises(URLError) as error:
        check_request_uri(text)
    assert str(error.value) == problem
