"""Webhooks that decide: when they are asked, and for how long their answers count."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from apiserver.access.authorization.authorizer import AuthorizationAttributes, Verdict
from apiserver.access.authorization.review_conditions import ReviewConditions
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.authorization.webhook_authorizer import WebhookAuthorizer, WebhookPolicy
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.users import UserInfo

ALLOWED = {"allowed": True}


@dataclass
class Hook:
    """Answers with one status, and remembers what it was asked."""

    status: dict[str, Any] = field(default_factory=lambda: dict(ALLOWED))
    error: str = ""
    specs: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        assert status == {"allowed": False}
        self.specs.append(spec)
        await asyncio.sleep(0)
        if self.error:
            raise WebhookError(self.error)
        return self.status

    async def close(self) -> None:
        self.closed = True


def asked(name: str = "p", groups: tuple[str, ...] = ()) -> AuthorizationAttributes:
    user = UserInfo("jane", groups=groups)
    return AuthorizationAttributes(user, "get", "", True, "", "v1", "pods", "", "n", name)


def conditions(*sources: str) -> ReviewConditions:
    made = ReviewConditions()
    for source in sources:
        made.add(source)
    return made


@pytest.mark.parametrize(
    ("status", "policy", "calls"),
    [
        (ALLOWED, WebhookPolicy(60, 0), 1),
        (ALLOWED, WebhookPolicy(0, 60), 2),
        ({"allowed": False}, WebhookPolicy(60, 0), 2),
        ({"allowed": False}, WebhookPolicy(0, 60), 1),
        ({"denied": True}, WebhookPolicy(0, 60), 1),
    ],
)
async def test_answers_are_kept(status: dict[str, Any], policy: WebhookPolicy, calls: int) -> None:
    hook = Hook(status)
    authorizer = WebhookAuthorizer(hook, policy)
    for _ in range(2):
        await authorizer.authorize(asked())
    assert len(hook.specs) == calls
    await authorizer.authorize(asked("other"))
    assert len(hook.specs) == calls + 1


async def test_a_long_review_is_not_kept() -> None:
    hook = Hook()
    authorizer = WebhookAuthorizer(hook, WebhookPolicy(60, 60))
    for _ in range(2):
        await authorizer.authorize(asked("n" * 10_000))
    assert len(hook.specs) == 2


@pytest.mark.parametrize("verdict", [Verdict.NO_OPINION, Verdict.DENY])
async def test_without_an_answer_the_policy_decides(verdict: Verdict) -> None:
    hook = Hook(error="no route")
    authorizer = WebhookAuthorizer(hook, WebhookPolicy(60, 60, verdict))
    for _ in range(2):
        decision = await authorizer.authorize(asked())
        assert (decision.verdict, decision.error) == (verdict, "no route")
    assert len(hook.specs) == 2


async def test_an_error_does_not_keep_others_from_allowing() -> None:
    broken, working = Hook(error="no route"), Hook()
    policy = WebhookPolicy(0, 0)
    union = UnionAuthorizer([WebhookAuthorizer(hook, policy) for hook in (broken, working)])
    assert (await union.authorize(asked())).verdict is Verdict.ALLOW
    working.status = {"reason": "unknown"}
    decision = await union.authorize(asked())
    assert (decision.verdict, decision.reason, decision.error) == (
        Verdict.NO_OPINION, "unknown", "no route",
    )  # fmt: skip
    working.error = "down"
    assert (await union.authorize(asked())).error == "[no route, down]"


@pytest.mark.parametrize(
    ("sources", "calls"),
    [
        (["has(request.resourceAttributes)", "request.resourceAttributes.namespace == 'n'"], 1),
        (["request.resourceAttributes.subresource == ''"], 1),
        (["request.user == 'joe'"], 0),
        (["!('dev' in request.groups)"], 0),
        (["has(request.resourceAttributes.labelSelector)"], 0),
        (["request.resourceAttributes.labelSelector.requirements.size() > 0", "false"], 0),
    ],
)
async def test_conditions_say_whether_the_webhook_is_asked(sources: list[str], calls: int) -> None:
    hook = Hook()
    authorizer = WebhookAuthorizer(hook, WebhookPolicy(0, 0), conditions(*sources))
    for groups in (("dev",), ("dev", "g" * 3000)):
        hook.specs.clear()
        decision = await authorizer.authorize(asked(groups=groups))
        assert len(hook.specs) == calls
        assert decision.verdict is (Verdict.ALLOW if calls else Verdict.NO_OPINION)
        assert not decision.error


async def test_a_condition_that_fails_counts_as_no_answer() -> None:
    hook = Hook()
    failing = conditions("request.extra['a'].size() > 0")
    authorizer = WebhookAuthorizer(hook, WebhookPolicy(0, 0, Verdict.DENY), failing)
    decision = await authorizer.authorize(asked())
    assert decision.verdict is Verdict.DENY
    assert decision.error == (
        "cel evaluation error: expression 'request.extra['a'].size() > 0' resulted in error: "
        "no such key: a"
    )
    assert not hook.specs


async def test_the_rules_of_a_webhook_are_not_known() -> None:
    hook = Hook()
    authorizer = WebhookAuthorizer(hook, WebhookPolicy(0, 0))
    rules = await authorizer.rules_for(UserInfo("jane"), "n")
    assert rules.incomplete
    assert rules.errors == ["webhook authorizer does not support user rule resolution"]
    async with authorizer.running():
        assert not hook.closed
    assert hook.closed
