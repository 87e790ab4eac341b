"""Requests as webhooks see them, and what answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.authorization.access_review import decision_of, review_spec
from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.documents import dump_json
from apiserver.machinery.fieldselectors import parse_field_selector
from apiserver.machinery.users import UserInfo

JANE = UserInfo("jane", uid="7", groups=("dev",), extra={"k": ("v", "w")})


def asked(user: UserInfo = JANE, **members: Any) -> AuthorizationAttributes:
    given = {"verb": "list", "path": "/api", "is_resource_request": True, **members}
    return AuthorizationAttributes(user, **given)


def test_a_review_has_its_members_in_order() -> None:
    attributes = asked(
        group="apps",
        version="v1",
        resource="deployments",
        subresource="scale",
        namespace="n",
        name="d",
        fields=parse_field_selector("metadata.name=d,spec.x!=y"),
        labels="a=b,c notin (e,d),f,!g,h>1",
    )
    assert dump_json(review_spec(attributes)).decode() == (
        '{"resourceAttributes":{"namespace":"n","verb":"list","group":"apps","version":"v1",'
        '"resource":"deployments","subresource":"scale","name":"d","fieldSelector":{"requirements":'
        '[{"key":"metadata.name","operator":"In","values":["d"]},'
        '{"key":"spec.x","operator":"NotIn","values":["y"]}]},"labelSelector":{"requirements":'
        '[{"key":"a","operator":"In","values":["b"]},'
        '{"key":"c","operator":"NotIn","values":["d","e"]},{"key":"f","operator":"Exists"},'
        '{"key":"g","operator":"DoesNotExist"}]}},'
        '"user":"jane","groups":["dev"],"extra":{"k":["v","w"]},"uid":"7"}'
    )


@pytest.mark.parametrize(
    ("attributes", "spec"),
    [
        (
            asked(UserInfo("jo"), verb="get", path="/metrics", is_resource_request=False),
            {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}, "user": "jo"},
        ),
        (
            asked(UserInfo("jo"), resource="pods", labels="=,"),
            {"resourceAttributes": {"verb": "list", "resource": "pods"}, "user": "jo"},
        ),
        (
            asked(UserInfo("jo"), resource="pods", labels="a>1"),
            {"resourceAttributes": {"verb": "list", "resource": "pods"}, "user": "jo"},
        ),
    ],
)
def test_what_is_empty_or_has_no_form_is_left_out(
    attributes: AuthorizationAttributes, spec: dict[str, Any]
) -> None:
    assert review_spec(attributes) == spec


BOTH = "webhook subject access review returned both allow and deny response"


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        ({"allowed": True, "reason": "r"}, AuthorizationDecision(Verdict.ALLOW, "r")),
        ({"allowed": False, "reason": "r"}, AuthorizationDecision(Verdict.NO_OPINION, "r")),
        ({"denied": True}, AuthorizationDecision(Verdict.DENY)),
        ({"allowed": True, "denied": True}, AuthorizationDecision(Verdict.DENY, error=BOTH)),
        ({"allowed": None, "else": 5}, AuthorizationDecision(Verdict.NO_OPINION)),
        ({}, AuthorizationDecision(Verdict.NO_OPINION)),
    ],
)
def test_what_an_answer_means(status: dict[str, Any], decision: AuthorizationDecision) -> None:
    assert decision_of(status) == decision


@pytest.mark.parametrize("status", [{"allowed": "true"}, {"denied": 1}, {"reason": []}])
def test_an_answer_of_another_form_is_none(status: dict[str, Any]) -> None:
    with pytest.raises(WebhookError):
        decision_of(status)
