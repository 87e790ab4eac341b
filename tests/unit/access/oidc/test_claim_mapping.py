"""The user that claims describe, by claims with prefixes and by expressions."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.oidc.authentication_configuration import (
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimOrExpression,
    ClaimRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    UserRule,
)
from apiserver.access.authentication.oidc.authentication_validation import compile_authenticators
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper
from apiserver.machinery.users import UserInfo

ISSUER = Issuer("https://issuer.example", audiences=("a",))
SUB = ClaimOrExpression("sub", "")
NONE = ClaimOrExpression()


def mapper(
    username: ClaimOrExpression = SUB,
    groups: ClaimOrExpression = NONE,
    uid: ClaimOrExpression = NONE,
    extra: dict[str, str] | None = None,
    rules: tuple[ClaimRule, ...] = (),
    user_rules: tuple[UserRule, ...] = (),
) -> ClaimMapper:
    mapped = tuple(ExtraMapping(key, source) for key, source in (extra or {}).items())
    mappings = ClaimMappings(username, groups, uid, mapped)
    authenticator = JWTAuthenticator(ISSUER, mappings, rules, user_rules)
    (found,) = compile_authenticators(AuthenticationConfiguration((authenticator,)), ())
    return found


def by(expression: str) -> ClaimOrExpression:
    return ClaimOrExpression(expression=expression)


@pytest.mark.parametrize(
    ("given", "claims", "user"),
    [
        (mapper(), {"sub": "jane"}, UserInfo("jane")),
        (mapper(ClaimOrExpression("sub", "p:")), {"sub": "jane"}, UserInfo("p:jane")),
        (mapper(), {"sub": None}, UserInfo("")),
        (
            mapper(ClaimOrExpression("email", "")),
            {"email": "j@a", "email_verified": True},
            UserInfo("j@a"),
        ),
        (mapper(ClaimOrExpression("email", "")), {"email": "j@a"}, UserInfo("j@a")),
        (
            mapper(groups=ClaimOrExpression("roles", "g:")),
            {"sub": "j", "roles": ["a", "b"]},
            UserInfo("j", groups=("g:a", "g:b")),
        ),
        (
            mapper(groups=ClaimOrExpression("roles", "g:")),
            {"sub": "j", "roles": "a"},
            UserInfo("j", groups=("g:a",)),
        ),
        (mapper(groups=ClaimOrExpression("roles", "g:")), {"sub": "j"}, UserInfo("j")),
        (mapper(uid=ClaimOrExpression("oid")), {"sub": "j", "oid": "7"}, UserInfo("j", uid="7")),
        (
            mapper(),
            {"sub": "j", "jti": "t"},
            UserInfo("j", extra={"authentication.kubernetes.io/credential-id": ("JTI=t",)}),
        ),
        (mapper(), {"sub": "j", "jti": 5}, UserInfo("j")),
        (mapper(by("claims.sub + '!'")), {"sub": "j"}, UserInfo("j!")),
        (
            mapper(groups=by("claims.roles.split(',')")),
            {"sub": "j", "roles": "a,b,"},
            UserInfo("j", groups=("a", "b")),
        ),
        (mapper(groups=by("claims.?roles.orValue([])")), {"sub": "j"}, UserInfo("j")),
        (mapper(groups=by("null")), {"sub": "j"}, UserInfo("j")),
        (mapper(uid=by("string(claims.n)")), {"sub": "j", "n": 5}, UserInfo("j", uid="5")),
        (
            mapper(extra={"a.example/t": "claims.tenants", "a.example/none": "''"}),
            {"sub": "j", "tenants": ["x", "y"]},
            UserInfo("j", extra={"a.example/t": ("x", "y")}),
        ),
        (
            mapper(
                rules=(ClaimRule("hd", "a.example"), ClaimRule(expression="claims.n < 5")),
                user_rules=(UserRule("user.groups.size() == 0 && user.uid == ''"),),
            ),
            {"sub": "j", "hd": "a.example", "n": 4},
            UserInfo("j"),
        ),
        (
            mapper(
                extra={"a.example/t": "'x'"},
                user_rules=(UserRule("user.extra['a.example/t'].exists(t, t == 'x')"),),
            ),
            {"sub": "j"},
            UserInfo("j", extra={"a.example/t": ("x",)}),
        ),
    ],
)
def test_claims_make_a_user(given: ClaimMapper, claims: dict[str, Any], user: UserInfo) -> None:
    assert given.user_of(claims) == user


NO_STRING = "json: cannot unmarshal {} into Go value of type string"


@pytest.mark.parametrize(
    ("given", "claims", "error"),
    [
        (mapper(), {}, 'oidc: parse username claims "sub": claim not present'),
        (mapper(), {"sub": 5}, f'oidc: parse username claims "sub": {NO_STRING.format("number")}'),
        (
            mapper(ClaimOrExpression("email", "")),
            {"email": "j", "email_verified": False},
            "oidc: email not verified",
        ),
        (
            mapper(ClaimOrExpression("email", "")),
            {"email": "j", "email_verified": "yes"},
            "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of "
            "type bool",
        ),
        (
            mapper(groups=ClaimOrExpression("roles", "")),
            {"sub": "j", "roles": [1]},
            f'oidc: parse groups claim "roles": {NO_STRING.format("array")}',
        ),
        (
            mapper(groups=ClaimOrExpression("roles", "")),
            {"sub": "j", "roles": {}},
            f'oidc: parse groups claim "roles": {NO_STRING.format("object")}',
        ),
        (
            mapper(uid=ClaimOrExpression("oid")),
            {"sub": "j"},
            'oidc: parse uid claim "oid": claim not present',
        ),
        (
            mapper(by("claims.n")),
            {"n": 5},
            "oidc: error evaluating username claim expression: username claim expression must "
            "return a string",
        ),
        (mapper(by("''")), {}, "oidc: empty username via CEL expression is not allowed"),
        (
            mapper(groups=by("claims.n")),
            {"sub": "j", "n": 5},
            "oidc: error evaluating group claim expression: expression must return a string or a "
            "list of strings",
        ),
        (
            mapper(extra={"a.example/t": "[1]"}),
            {"sub": "j"},
            "oidc: error evaluating extra claim expression: [1]: expression must return a string "
            "or a list of strings",
        ),
        (
            mapper(rules=(ClaimRule("hd", "x"),)),
            {"sub": "j"},
            "oidc: required claim hd not present in ID token",
        ),
        (
            mapper(rules=(ClaimRule("hd", "x"),)),
            {"sub": "j", "hd": ["x"]},
            f"oidc: parse claim hd: {NO_STRING.format('array')}",
        ),
        (
            mapper(rules=(ClaimRule("hd", "x"),)),
            {"sub": "j", "hd": "y"},
            "oidc: required claim hd value does not match. Got = y, want = x",
        ),
        (
            mapper(rules=(ClaimRule(expression="claims.n < 5", message="too many"),)),
            {"sub": "j", "n": 9},
            "oidc: error evaluating claim validation expression: validation expression "
            "'claims.n < 5' failed: too many",
        ),
        (
            mapper(user_rules=(UserRule("!user.username.startsWith('system:')", "reserved"),)),
            {"sub": "system:admin"},
            "oidc: error evaluating user info validation rule: validation expression "
            "'!user.username.startsWith('system:')' failed: reserved",
        ),
    ],
)
def test_claims_that_make_no_user(given: ClaimMapper, claims: dict[str, Any], error: str) -> None:
    with pytest.raises(BadCredential) as refusal:
        given.user_of(claims)
    assert str(refusal.value) == error


def test_an_expression_that_fails_refuses_the_token() -> None:
    with pytest.raises(BadCredential, match="no such key: missing"):
        mapper(by("claims.missing")).user_of({})


def test_an_expression_without_end_refuses_the_token() -> None:
    endless = by("claims.l.all(a, claims.l.all(b, claims.l.all(c, a + b + c >= 0))) ? 'a' : 'b'")
    with pytest.raises(BadCredential, match="cost limit exceeded"):
        mapper(endless).user_of({"l": list(range(1000))})
