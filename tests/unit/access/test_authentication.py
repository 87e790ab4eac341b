"""Who is asking."""

from __future__ import annotations

import hashlib

import pytest

from apiserver.access.authentication.authenticator import (
    BadCredential,
    Credentials,
    RequestAuthenticator,
    bearer_token,
    has_extra_space,
)
from apiserver.access.authentication.groups import with_authenticated_group
from apiserver.access.authentication.token_file import (
    StaticTokens,
    TokenFileError,
    parse_token_rows,
)
from apiserver.access.authentication.x509 import CREDENTIAL_ID, Certificate, certificate_user
from apiserver.machinery.users import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo

NEVER = float("inf")
ROWS = ['t1,alice,1,"dev,ops"', "t2,bob,2"]
SUBJECT = (
    (("organizationName", "dev"),),
    (("organizationName", "ops"),),
    (("commonName", "carol"),),
)


def authenticator(*, anonymous: bool = True) -> RequestAuthenticator:
    return RequestAuthenticator([StaticTokens(parse_token_rows(ROWS))], anonymous=anonymous)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer t", "t"),
        ("bearer t", "t"),
        ("BEARER t", "t"),
        ("  Bearer t  ", "t"),
        ("Bearer t more", "t"),
        ("Bearer  t", ""),
        ("Bearer", ""),
        ("Basic dDp0", ""),
        ("t", ""),
        ("", ""),
    ],
)
def test_a_token_is_the_word_after_its_scheme(header: str, token: str) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("header", "stray"), [("Bearer  t", True), ("Bearer t", False), ("Basic  t", False)]
)
def test_a_space_too_many_is_noticed(header: str, stray: bool) -> None:
    assert has_extra_space(header) is stray


async def test_a_token_of_the_file_is_its_users() -> None:
    user = await authenticator().authenticate(Credentials("Bearer t1"))
    assert (user.name, user.uid) == ("alice", "1")
    assert user.groups == ("dev", "ops", AUTHENTICATED)


async def test_an_unknown_token_is_bad_even_where_nobody_needs_one() -> None:
    with pytest.raises(BadCredential):
        await authenticator(anonymous=True).authenticate(Credentials("Bearer nonsense"))


@pytest.mark.parametrize("header", ["", "Basic dDp0", "Bearer"])
async def test_without_a_credential_one_is_anonymous_where_that_is_allowed(header: str) -> None:
    assert await authenticator().authenticate(Credentials(header)) is ANONYMOUS
    with pytest.raises(BadCredential):
        await authenticator(anonymous=False).authenticate(Credentials(header))


async def test_a_certificate_goes_before_a_token() -> None:
    user = await authenticator().authenticate(
        Credentials("Bearer t1", Certificate(SUBJECT, b"der", NEVER))
    )
    assert user.name == "carol"
    assert user.groups == ("dev", "ops", AUTHENTICATED)


async def test_a_certificate_without_a_name_leaves_it_to_the_token() -> None:
    nameless = Certificate(((("organizationName", "dev"),),), b"der", NEVER)
    user = await authenticator().authenticate(Credentials("Bearer t2", nameless))
    assert user.name == "bob"


def test_a_certificate_names_the_user_its_groups_and_its_uid() -> None:
    subject = (*SUBJECT, (("1.3.6.1.4.1.57683.2", "u-1"),))
    user = certificate_user(Certificate(subject, b"der", NEVER))
    assert user is not None
    assert (user.name, user.uid, user.groups) == ("carol", "u-1", ("dev", "ops"))
    assert user.extra == {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(b'der').hexdigest()}",)}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((), (AUTHENTICATED,)),
        (("a",), ("a", AUTHENTICATED)),
        ((AUTHENTICATED,), (AUTHENTICATED,)),
        ((UNAUTHENTICATED,), (UNAUTHENTICATED,)),
    ],
)
def test_everybody_who_is_known_is_authenticated(
    groups: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert with_authenticated_group(UserInfo("a", groups=groups)).groups == expected


def test_the_anonymous_user_is_not() -> None:
    assert AUTHENTICATED not in with_authenticated_group(UserInfo(ANONYMOUS.name)).groups


def test_of_rows_with_the_same_token_the_last_one_counts() -> None:
    users = parse_token_rows(["t,first,1", "", "t,second,2"])
    assert users["t"].name == "second"


@pytest.mark.parametrize("row", ["t", "t,name"])
def test_a_row_without_a_uid_is_no_row(row: str) -> None:
    with pytest.raises(TokenFileError, match="line 2: expected at least 3 columns"):
        parse_token_rows(["a,b,c", row])


@pytest.mark.parametrize(("now", "valid"), [(99.0, True), (100.5, False)])
async def test_a_certificate_counts_until_it_expires(now: float, valid: bool) -> None:
    checking = RequestAuthenticator([], anonymous=True, now=lambda: now)
    credentials = Credentials("", Certificate(SUBJECT, b"der", 100.0))
    if valid:
        assert (await checking.authenticate(credentials)).name == "carol"
    else:
        with pytest.raises(BadCredential, match="expired"):
            await checking.authenticate(credentials)


async def test_a_token_counts_beside_an_expired_certificate() -> None:
    tokens = StaticTokens(parse_token_rows(ROWS))
    checking = RequestAuthenticator([tokens], anonymous=True, now=lambda: 101.0)
    credentials = Credentials("Bearer t1", Certificate(SUBJECT, b"der", 100.0))
    assert (await checking.authenticate(credentials)).name == "alice"
