"""Authentication of tokens by a webhook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from apiserver.access.authentication.authenticator import BadCredential, RequestAuthenticator
from apiserver.access.authentication.webhook_tokens import WebhookTokens
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.users import UserInfo

JANE = {
    "authenticated": True,
    "user": {"username": "jane", "uid": "7", "groups": ["dev"], "extra": {"k": ["v"]}},
}
USER = UserInfo("jane", uid="7", groups=("dev",), extra={"k": ("v",)})
API = ("api", "other")


@dataclass
class Reviewer:
    """Answers with one status, and remembers what it was asked."""

    status: dict[str, Any]
    error: str = ""
    specs: list[dict[str, Any]] = field(default_factory=list)

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        assert status == {"user": {}}
        self.specs.append(spec)
        if self.error:
            raise WebhookError(self.error)
        return self.status

    async def close(self) -> None:
        pass


async def test_a_token_is_asked_about_with_the_audiences_of_the_api() -> None:
    reviewer = Reviewer(JANE)
    tokens = WebhookTokens(reviewer, API, 60)
    for _ in range(2):
        assert await tokens.authenticate("t") == USER
    assert reviewer.specs == [{"token": "t", "audiences": ["api", "other"]}]


@pytest.mark.parametrize(
    ("returned", "asked", "common"),
    [
        (None, ["api"], ["api"]),
        (None, ["vault"], None),
        (["vault"], ["vault", "x"], ["vault"]),
        (["vault"], ["api"], None),
        ([], ["other", "x"], ["other"]),
        (None, [], []),
    ],
)
async def test_audiences_must_meet(
    returned: list[str] | None, asked: list[str], common: list[str] | None
) -> None:
    tokens = WebhookTokens(Reviewer({**JANE, "audiences": returned}), API, 60)
    found = await tokens.authenticate_for("t", asked)
    assert (None if found is None else list(found[1])) == common


async def test_an_unknown_token_is_left_to_others_and_remembered() -> None:
    reviewer = Reviewer({})
    tokens = WebhookTokens(reviewer, API, 60)
    for _ in range(2):
        assert await tokens.authenticate("t") is None
    assert len(reviewer.specs) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ({"error": "expired"}, "expired"),
        ({"authenticated": "true", "error": ""}, None),
        ({"authenticated": False, "user": JANE["user"]}, None),
        ({"authenticated": True, "user": {"username": 5}}, "username of the review"),
        ({"authenticated": True, "user": {"groups": "a"}}, "groups of the review"),
        ({"authenticated": True, "user": {"extra": {"k": "v"}}}, "extra of the review"),
        ({"authenticated": True, "user": {"extra": []}}, None),
        ({"audiences": "api"}, "audiences of the review"),
    ],
)
async def test_answers_that_do_not_authenticate(status: dict[str, Any], error: str | None) -> None:
    reviewer = Reviewer(status)
    authenticator = RequestAuthenticator([WebhookTokens(reviewer, API, 60)], anonymous=True)
    if error is None and status.get("authenticated") is True:
        assert (await authenticator.review("t", API))[0].name == ""
        return
    with pytest.raises(BadCredential, match=error or "^invalid bearer token$"):
        await authenticator.review("t", API)


async def test_an_error_is_not_remembered() -> None:
    reviewer = Reviewer(JANE, "no route")
    tokens = WebhookTokens(reviewer, API, 60)
    with pytest.raises(BadCredential, match="no route"):
        await tokens.authenticate("t")
    reviewer.error = ""
    assert await tokens.authenticate("t") == USER


async def test_answers_may_be_kept_for_no_time() -> None:
    reviewer = Reviewer(JANE)
    tokens = WebhookTokens(reviewer, API, 0)
    for _ in range(2):
        await tokens.authenticate("t")
    assert len(reviewer.specs) == 2
    async with tokens.running():
        pass
