"""What they may do."""

from __future__ import annotations

import pytest

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
    forbidden_message,
)
from apiserver.access.authorization.modes import authorizer_of
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.machinery.users import ANONYMOUS, MASTERS, UserInfo

VIEWER = UserInfo("viewer", groups=("viewers",))
ADMIN = UserInfo("admin", groups=(MASTERS,))


def path(user: UserInfo, verb: str, where: str) -> AuthorizationAttributes:
    return AuthorizationAttributes(user, verb, where, is_resource_request=False)


def pods(user: UserInfo, verb: str = "get", **more: str) -> AuthorizationAttributes:
    return AuthorizationAttributes(
        user, verb, "", is_resource_request=True, resource="pods", **more
    )


class Says:
    """An authorizer with one answer."""

    def __init__(self, decision: AuthorizationDecision) -> None:
        self.decision = decision
        self.asked = 0

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        self.asked += 1
        return self.decision


async def test_administrators_may_do_anything_whatever_the_mode() -> None:
    for mode in ("RBAC", "AlwaysDeny"):
        authorizer = authorizer_of([mode], {"RBAC": Says(NO_OPINION)})
        assert (await authorizer.authorize(pods(ADMIN, "delete"))) is ALLOWED


async def test_always_allow_lets_everybody_in() -> None:
    assert (await authorizer_of(["AlwaysAllow"], {}).authorize(pods(ANONYMOUS))) is ALLOWED


async def test_the_first_who_decides_ends_the_question() -> None:
    first, last = Says(AuthorizationDecision(Verdict.DENY, "no")), Says(ALLOWED)
    decision = await UnionAuthorizer([Says(NO_OPINION), first, last]).authorize(pods(VIEWER))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "no")
    assert last.asked == 0


async def test_the_reasons_of_all_who_have_no_opinion_are_told() -> None:
    authorizers = [
        Says(AuthorizationDecision(Verdict.NO_OPINION, text)) for text in ("one", "", "two")
    ]
    decision = await UnionAuthorizer(authorizers).authorize(pods(VIEWER))
    assert decision.reason == "one\ntwo"


@pytest.mark.parametrize(
    ("attributes", "reason", "message"),
    [
        (
            pods(VIEWER, namespace="n"),
            "",
            'User "viewer" cannot get resource "pods" in API group "" in the namespace "n"',
        ),
        (
            pods(VIEWER, "patch", group="apps", subresource="scale"),
            "",
            'User "viewer" cannot patch resource "pods/scale" in API group "apps" '
            "at the cluster scope",
        ),
        (
            path(UserInfo('<a&"b>'), "get", "/metrics"),
            "because <x>",
            'User "&lt;a&amp;\\"b&gt;" cannot get path "/metrics": because <x>',
        ),
    ],
)
def test_a_refusal_says_who_may_not_do_what(
    attributes: AuthorizationAttributes, reason: str, message: str
) -> None:
    assert forbidden_message(attributes, reason) == message
