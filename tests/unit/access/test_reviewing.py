"""Token reviews and access reviews."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apiserver.access.authentication.authenticator import BadCredential, RequestAuthenticator
from apiserver.access.authentication.token_file import StaticTokens
from apiserver.access.authorization.modes import authorizer_of
from apiserver.machinery.users import UserInfo

API, VAULT = "https://issuer", "vault"
STATIC = StaticTokens({"static": UserInfo("jane")})


class Marked:
    """Knows tokens that name their audience: ``vault/ann``."""

    async def authenticate(self, token: str) -> UserInfo | None:
        found = await self.authenticate_for(token, [API])
        return None if found is None else found[0]

    async def authenticate_for(
        self, token: str, audiences: Sequence[str]
    ) -> tuple[UserInfo, Sequence[str]] | None:
        audience, slash, name = token.rpartition("/")
        if not slash:
            return None
        if audience not in audiences:
            raise BadCredential("it is for somebody else")
        return UserInfo(name), [audience]


AUTHENTICATOR = RequestAuthenticator([STATIC, Marked()], anonymous=True, audiences=[API])


@pytest.mark.parametrize(
    ("token", "asked", "name", "common"),
    [
        ("static", (), "jane", [API]),
        ("static", (VAULT, API), "jane", [API]),
        ("vault/ann", (VAULT,), "ann", [VAULT]),
        (f"{API}/ann", (), "ann", [API]),
    ],
)
async def test_a_token_is_reviewed_for_the_audiences_that_ask(
    token: str, asked: Sequence[str], name: str, common: list[str]
) -> None:
    user, audiences = await AUTHENTICATOR.review(token, asked)
    assert (user.name, user.groups) == (name, ("system:authenticated",))
    assert list(audiences) == common


@pytest.mark.parametrize(
    ("token", "asked", "why"),
    [
        ("nonsense", (), "invalid bearer token"),
        ("static", (VAULT,), "invalid bearer token"),
        ("vault/ann", (), "[invalid bearer token, it is for somebody else]"),
    ],
)
async def test_a_token_for_others_is_good_for_nothing(
    token: str, asked: Sequence[str], why: str
) -> None:
    with pytest.raises(BadCredential) as refusal:
        await AUTHENTICATOR.review(token, asked)
    assert str(refusal.value) == why


async def test_where_all_is_allowed_the_rules_say_so() -> None:
    rules = await authorizer_of(["AlwaysAllow"], {}).rules_for(UserInfo("jane"), "n")
    assert [(rule.verbs, rule.resources) for rule in rules.resource_rules] == [(("*",), ("*",))]
    assert [rule.urls for rule in rules.non_resource_rules] == [("*",)]
    assert not rules.incomplete


async def test_who_allows_nothing_has_no_rules() -> None:
    rules = await authorizer_of(["AlwaysDeny"], {}).rules_for(UserInfo("jane"), "n")
    assert (list(rules.resource_rules), list(rules.non_resource_rules)) == ([], [])
