"""The strings that have a format."""

from __future__ import annotations

import pytest

from apiserver.schema.formats import format_check, is_known_format

RIGHT_AND_WRONG = {
    "bsonobjectid": (["507f1f77bcf86cd799439011"], ["507f1f77bcf86cd79943901", ""]),
    "byte": (["YQ==", "YWI=", "YWJj", "ab+/"], ["", "YQ", "YQ=", "Y-_j", "YWJj\n"]),
    "cidr": (["10.0.0.0/8", "010.0.0.1/32", "fd00::/64"], ["10.0.0.0", "10.0.0.0/33", "/8", "a/8"]),
    "creditcard": (["4111 1111-1111 1111"], ["4111111111111112", "1", ""]),
    "date": (["2024-02-29", "0000-02-29"], ["2023-02-29", "2024-2-29", "2024-13-01", "24-01-01"]),
    "date-time": (
        ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.123+01:00", "2026-01-02T23:59:59z"],
        ["2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05",
         "2026-02-30T03:04:05Z", "yesterday"],
    ),
    "datetime": (["2026-01-02T03:04:05Z"], ["x"]),
    "duration": (
        ["1h30m", "-1.5h", "0", "3 weeks", "22 ns", "1 DAY 2 hours"],
        ["", "1", "h", "1 parsec", "99999999999999999999 weeks"],
    ),
    "email": (
        ["a@b", "a.b+c@example.com", "Barry Gibbs <bg@example.com>", '"q p"@x.org',
         '"Q, P" <qp@x.org>', "a@[127.0.0.1]", " a@b ", "ä@ö.com", "a@b (c)"],
        ["", "a", "@b", "a@", "a..b@c", ".a@b", "a@b.", "a b@c", "<a@b", "a@b, c@d", "a@[x]"],
    ),
    "hexcolor": (["#fff", "FFFFFF"], ["#ffff", "#ggg", ""]),
    "hostname": (
        ["localhost", "example.com", "1.example.com", "a-b.c-d.org", "müller.example", "a-", "a-b",
         "☺.x.com", "a.☺b.öö"],
        ["", "-a", "a.b.", "a..b", "a_b", "x" * 64, "a b", "1.2.3.4", "a-b-c", "a-.com", "-a.com",
         "a.c1", "a.c", "a.☺☺", ".com", "x" * 64 + ".com", "x." * 127 + "com", "a--b"],
    ),
    "ipv4": (["1.2.3.4", "01.2.3.4", "::ffff:1.2.3.4"], ["300.0.0.1", "1.2.3", "::1", "", "1."]),
    "ipv6": (["::1", "fd00::", "::ffff:1.2.3.4"], ["1.2.3.4", "fe80::1%eth0", ":", "g::"]),
    "isbn": (["0321751043", "978-0321751041"], ["0321751044", "", "978-0321751042"]),
    "isbn10": (["0321751043", "080442957X"], ["978-0321751041"]),
    "isbn13": (["978-0321751041", "978 0321751041"], ["0321751043"]),
    "k8s-long-name": (["a", "a.b-c", "1." + "x" * 200], ["", "A", "-a", "a.", "x" * 254, "a\n"]),
    "k8s-short-name": (["a", "a-b"], ["a.b", "A", "-a", "x" * 64, ""]),
    "mac": (
        ["00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301", "02:00:5e:10:00:00:00:01"],
        ["00:00:5e:00:53", "00:00:5e-00:53:01", "000000000000", "0000.5e00:5301", ""],
    ),
    "password": (["", "anything"], []),
    "quantity": (["10Gi", "1.5", "100m", "1e3"], ["", "x", "1 Gi", "10gi"]),
    "rgbcolor": (["rgb(0,255, 20)", "rgb( 1 , 2 , 3 )"], ["rgb(256,0,0)", "rgb(0,0)", "(0,0,0)"]),
    "ssn": (["111-11-1111", "111 11 1111"], ["111111111", "11-111-1111"]),
    "uri": (
        ["http://example.com/a?b=c#d", "/a/b", "mailto:a@b", "*", "http://[::1]:80/", "a+b.c:x",
         "http://user:p%20w@host:/", "http://ö/%C3", "http://h/ü"],
        ["", "example.com", "a/b", ":80", "http://a:b/", "http://[::1/", "http://a b/", "/%zz",
         "http://a%20b/", "1http://x", "http://x\n", "#a", "http://u\\@h/"],
    ),
    "uuid": (
        ["123E4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"],
        ["123e4567-e89b-12d3-a456-42661417400", "", "g23e4567-e89b-12d3-a456-426614174000"],
    ),
    "uuid3": (["123e4567-e89b-32d3-0456-426614174000"], ["123e4567-e89b-42d3-a456-426614174000"]),
    "uuid4": (["123e4567-e89b-42d3-a456-426614174000"], ["123e4567-e89b-42d3-c456-426614174000"]),
    "uuid5": (["123e4567-e89b-52d3-b456-426614174000"], ["123e4567-e89b-42d3-a456-426614174000"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_AND_WRONG)
def test_strings_of_a_format(name: str) -> None:
    check = format_check(name)
    assert check is not None
    right, wrong = RIGHT_AND_WRONG[name]
    assert [text for text in right if not check(text)] == []
    assert [text for text in wrong if check(text)] == []


@pytest.mark.parametrize(
    ("name", "type_", "known"),
    [
        ("date-time", "string", True),
        ("d-a-te", "", True),
        ("int32", "string", False),
        ("int32", "integer", True),
        ("int16", "integer", False),
        ("double", "number", True),
        ("double", "integer", False),
        ("date", "object", False),
        ("telephone", "string", False),
    ],
)
def test_formats_are_known_for_types(name: str, type_: str, known: bool) -> None:
    assert is_known_format(name, type_) is known
