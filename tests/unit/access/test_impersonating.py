"""Acting as another user: headers, modes and refusals."""

from __future__ import annotations

import pytest

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    forbidden_message,
)
from apiserver.access.impersonation.impersonator import ImpersonationDenied, Impersonator
from apiserver.access.impersonation.wanted_user import wanted_user
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.users import UserInfo

ACTOR = UserInfo("actor", groups=("system:authenticated",))
BOUND = UserInfo(
    "system:serviceaccount:n:agent",
    groups=("system:serviceaccounts",),
    extra={"authentication.kubernetes.io/node-name": ["n1"]},
)


class Rights:
    """An authorizer that allows ``VERB GROUP RESOURCE NAME``, where ``*`` stands for anything."""

    def __init__(self, *rights: str) -> None:
        self.rights = [right.split() for right in rights]

    async def authorize(self, asked: AuthorizationAttributes) -> AuthorizationDecision:
        resource = asked.resource + (f"/{asked.subresource}" if asked.subresource else "")
        given = [asked.verb, asked.group or "core", resource or asked.path, asked.name]
        for right in self.rights:
            if all(part in ("*", is_) for part, is_ in zip(right, given, strict=True)):
                return ALLOWED
        return NO_OPINION


class Exactly(Rights):
    """An authorizer that knows names by themselves only: ``*`` is one."""

    async def authorize(self, asked: AuthorizationAttributes) -> AuthorizationDecision:
        names = {right[-1] for right in self.rights if asked.verb == right[0]}
        known = asked.verb.startswith("impersonate-on:") or asked.name in names
        return await super().authorize(asked) if known else NO_OPINION


def listing(user: UserInfo) -> AuthorizationAttributes:
    """Return the request to list Pods."""
    return AuthorizationAttributes(
        user, "list", "", is_resource_request=True, resource="pods", namespace="n"
    )


def test_headers_name_the_wanted_user() -> None:
    assert wanted_user([("Accept", "x")]) is None
    assert wanted_user([("Impersonate-User", "")]) is None
    assert wanted_user([
        ("impersonate-user", "jane"), ("Impersonate-User", "second"), ("IMPERSONATE-UID", "u"),
        ("Impersonate-Group", "a"), ("impersonate-group", "b"), ("Impersonate-Extra-Scopes", "x"),
        ("impersonate-extra-scopes", "y"), ("Impersonate-Extra-Acme.com%2Fproject", "z"),
        ("Impersonate-Extra-%zz", "w"), ("Impersonate-Extra-%41B", "v"),
    ]) == UserInfo(
        "jane", uid="u", groups=("a", "b"),
        extra={"scopes": ["x", "y"], "acme.com/project": ["z"], "%zz": ["w"], "Ab": ["v"]},
    )  # fmt: skip


def test_bytes_that_are_no_text_are_replaced() -> None:
    sent = b"a\xff".decode(errors="surrogateescape")
    wanted = wanted_user([("Impersonate-User", sent), ("Impersonate-Extra-X", sent)])
    assert wanted == UserInfo("a\ufffd", extra={"x": ["a\ufffd"]})


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        (
            {"Impersonate-Uid": 'u"1'},
            'UID:"u\\"1", Groups:[]string(nil), Extra:map[string][]string(nil)',
        ),
        (
            {"Impersonate-Group": "devs", "Impersonate-User": ""},
            'UID:"", Groups:[]string{"devs"}, Extra:map[string][]string(nil)',
        ),
        (
            {"Impersonate-Extra-B": "x", "Impersonate-Extra-A": "y"},
            'UID:"", Groups:[]string(nil), '
            'Extra:map[string][]string{"a":[]string{"y"}, "b":[]string{"x"}}',
        ),
    ],
)
def test_other_headers_need_a_user(headers: dict[str, str], shown: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        wanted_user(headers.items())
    assert str(refusal.value) == (
        f'requested &user.DefaultInfo{{Name:"", {shown}}} without impersonating a user name'
    )


AUTHN = "authentication.k8s.io"


@pytest.mark.parametrize(
    ("actor", "rights", "wanted", "result"),
    [
        (
            ACTOR,
            [
                "impersonate-on:user-info:list core pods *",
                f"impersonate:user-info {AUTHN} users jane",
            ],
            UserInfo("jane"),
            UserInfo("jane", groups=("system:authenticated",)),
        ),
        (
            ACTOR,
            ["impersonate core users jane", "impersonate core groups devs"],
            UserInfo("jane", groups=("devs",)),
            UserInfo("jane", groups=("devs", "system:authenticated")),
        ),
        (
            ACTOR,
            ["impersonate core users jane", f"impersonate {AUTHN} uids u",
             f"impersonate {AUTHN} userextras/scopes view"],
            UserInfo("jane", uid="u", extra={"scopes": ["view"]}),
            UserInfo(
                "jane", uid="u", groups=("system:authenticated",), extra={"scopes": ["view"]}
            ),
        ),
        (
            ACTOR,
            ["impersonate-on:serviceaccount:list core pods *",
             f"impersonate:serviceaccount {AUTHN} serviceaccounts robot"],
            UserInfo("system:serviceaccount:n:robot"),
            UserInfo(
                "system:serviceaccount:n:robot",
                groups=(
                    "system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated",
                ),
            ),
        ),
        (
            ACTOR,
            ["impersonate core serviceaccounts robot", "impersonate core groups g"],
            UserInfo("system:serviceaccount:n:robot", groups=("g",)),
            UserInfo("system:serviceaccount:n:robot", groups=("g", "system:authenticated")),
        ),
        (
            ACTOR,
            ["impersonate-on:arbitrary-node:list core pods *",
             f"impersonate:arbitrary-node {AUTHN} nodes n1"],
            UserInfo("system:node:n1"),
            UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated")),
        ),
        (
            BOUND,
            ["impersonate-on:associated-node:list core pods *",
             f"impersonate:associated-node {AUTHN} nodes *"],
            UserInfo("system:node:n1"),
            UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated")),
        ),
        (
            ACTOR,
            ["impersonate core users system:anonymous"],
            UserInfo("system:anonymous"),
            UserInfo("system:anonymous", groups=("system:unauthenticated",)),
        ),
    ],
)  # fmt: skip
async def test_each_mode_has_its_rights(
    actor: UserInfo, rights: list[str], wanted: UserInfo, result: UserInfo
) -> None:
    assert await Impersonator(Rights(*rights)).impersonated(listing(actor), wanted) == result
    # Each right is needed.
    for missing in rights:
        fewer = Impersonator(Rights(*(right for right in rights if right != missing)))
        with pytest.raises(ImpersonationDenied):
            await fewer.impersonated(listing(actor), wanted)


async def refusal(impersonator: Impersonator, wanted: UserInfo, actor: UserInfo = ACTOR) -> str:
    """Return what a refusal says."""
    with pytest.raises(ImpersonationDenied) as denied:
        await impersonator.impersonated(listing(actor), wanted)
    return forbidden_message(denied.value.attributes, denied.value.reason)


async def test_the_refusal_is_that_of_the_first_mode_tried() -> None:
    impersonator = Impersonator(Rights("impersonate core users jane"))
    on = 'User "actor" cannot impersonate-on:user-info:list resource "pods" in API group "" in the'
    assert (await refusal(impersonator, UserInfo("ann"))).startswith(on)
    await impersonator.impersonated(listing(ACTOR), UserInfo("jane"))
    # The mode that has worked for the user is tried first from then on.
    assert await refusal(impersonator, UserInfo("ann")) == (
        'User "actor" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    # No constrained mode is for a node with groups.
    node = UserInfo("system:node:n1", groups=("g",))
    assert 'cannot impersonate resource "users"' in await refusal(Impersonator(Rights()), node)


async def test_a_token_of_another_node_is_not_for_this_one() -> None:
    rights = Rights(
        "impersonate-on:associated-node:list core pods *", "impersonate:associated-node * nodes *"
    )
    said = await refusal(Impersonator(rights), UserInfo("system:node:n2"), BOUND)
    assert "cannot impersonate-on:arbitrary-node:list" in said


async def test_masters_are_out_of_the_constrained_modes() -> None:
    constrained = Rights("impersonate-on:user-info:list * * *", "impersonate:user-info * * *")
    masters = UserInfo("jane", groups=("system:masters",))
    assert (await refusal(Impersonator(constrained), masters)).endswith(
        ": impersonating the system:masters group is not allowed"
    )
    everything = Impersonator(Rights("* * * *"))
    assert "system:masters" in (await everything.impersonated(listing(ACTOR), masters)).groups


NOT_ALLOWED = "is not allowed"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (UserInfo("jane", groups=("a", "")), f"impersonating the empty string group {NOT_ALLOWED}"),
        (
            UserInfo("jane", groups=("b", "system:masters")),
            f"impersonating the system:masters group {NOT_ALLOWED}",
        ),
        (
            UserInfo("jane", extra={"scopes": ["x"]}),
            f"impersonating an invalid key in extra {NOT_ALLOWED}: extra.key: Invalid value: "
            '"scopes": must be a domain-prefixed path (such as "acme.io/foo")',
        ),
        (
            UserInfo("jane", extra={"": ["x"]}),
            f"impersonating the empty string key in extra {NOT_ALLOWED}",
        ),
        (
            UserInfo("jane", extra={"a.b/C": ["x"]}),
            f'impersonating a non-lowercase key in extra {NOT_ALLOWED}: "a.b/C"',
        ),
        (
            UserInfo("jane", extra={"a.b/c": ["x", ""]}),
            f"impersonating the empty string value in extra {NOT_ALLOWED}",
        ),
    ],
)
async def test_what_no_constrained_mode_takes(wanted: UserInfo, said: str) -> None:
    rights = Rights(
        "impersonate-on:user-info:list * * *",
        f"impersonate:user-info {AUTHN} users jane",
    )
    assert (await refusal(Impersonator(rights), wanted)).endswith(f"at the cluster scope: {said}")


async def test_many_values_may_be_granted_at_once() -> None:
    named = ["impersonate-on:user-info:list * * *", f"impersonate:user-info {AUTHN} users jane"]
    groups = UserInfo("jane", groups=tuple("abcd"))
    extra = UserInfo("jane", extra={"a.b/c": ["1", "2"], "a.b/d": ["3", "4"]})
    both = UserInfo("jane", groups=groups.groups, extra=extra.extra)
    all_groups = f"impersonate:user-info {AUTHN} groups *"
    all_extra = f"impersonate:user-info {AUTHN} userextras/* *"
    await Impersonator(Exactly(*named, all_groups)).impersonated(listing(ACTOR), groups)
    await Impersonator(Exactly(*named, all_extra)).impersonated(listing(ACTOR), extra)
    await Impersonator(Exactly(*named, all_groups, all_extra)).impersonated(listing(ACTOR), both)
    assert 'resource "groups"' in await refusal(Impersonator(Exactly(*named, all_extra)), both)
    fewer = UserInfo("jane", groups=tuple("abc"))
    assert 'resource "groups"' in await refusal(Impersonator(Exactly(*named, all_groups)), fewer)


async def test_a_node_has_the_name_of_a_node() -> None:
    said = await refusal(Impersonator(Rights()), UserInfo("system:node:N_1"))
    assert "cannot impersonate-on:user-info:list" in said
