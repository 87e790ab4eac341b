"""SubjectAccessReviews: building requests for webhooks and parsing responses. Pure.

Selectors only narrow a request, so conditions without a form in a review are left out (KEP-4601).
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.labels import OPERATORS, SelectorError, parse_label_selector

_NAMES: Final = {operator: name for name, operator in OPERATORS.items()} | {"exists": "Exists"}
_BOTH: Final = "webhook subject access review returned both allow and deny response"


def review_spec(attributes: AuthorizationAttributes) -> dict[str, Any]:
    """Return the spec of a review."""
    user = attributes.user
    spec: dict[str, Any] = {}
    if attributes.is_resource_request:
        spec["resourceAttributes"] = _resource_attributes(attributes)
    else:
        path = {"path": attributes.path, "verb": attributes.verb}
        spec["nonResourceAttributes"] = _without_empty(path)
    return spec | _without_empty({
        "user": user.name,
        "groups": list(user.groups),
        "extra": {key: list(values) for key, values in user.extra.items()},
        "uid": user.uid,
    })  # fmt: skip


def decision_of(status: dict[str, Any]) -> AuthorizationDecision:
    """Return the decision that an answer means. Raises WebhookError if it is not understood."""
    allowed, denied = _member(status, "allowed", bool), _member(status, "denied", bool)
    reason = _member(status, "reason", str)
    if denied:
        return AuthorizationDecision(Verdict.DENY, reason, _BOTH if allowed else "")
    return AuthorizationDecision(Verdict.ALLOW if allowed else Verdict.NO_OPINION, reason)


def _resource_attributes(attributes: AuthorizationAttributes) -> dict[str, Any]:
    found = _without_empty({
        "namespace": attributes.namespace,
        "verb": attributes.verb,
        "group": attributes.group,
        "version": attributes.version,
        "resource": attributes.resource,
        "subresource": attributes.subresource,
        "name": attributes.name,
    })  # fmt: skip
    selectors = (
        ("fieldSelector", _field_requirements(attributes)),
        ("labelSelector", _label_requirements(attributes.labels)),
    )
    for member, requirements in selectors:
        if requirements:
            found[member] = {"requirements": requirements}
    return found


def _field_requirements(attributes: AuthorizationAttributes) -> list[dict[str, Any]]:
    if attributes.fields is None:
        return []
    return [
        {
            "key": term.field,
            "operator": "In" if term.equal else "NotIn",
            "values": [term.value],
        }
        for term in attributes.fields.terms
    ]


def _label_requirements(text: str) -> list[dict[str, Any]]:
    try:
        requirements = parse_label_selector(text).requirements if text else ()
    except SelectorError:
        return []
    return [
        {"key": each.key, "operator": _NAMES[each.operator]}
        | ({"values": sorted(each.values)} if each.values else {})
        for each in requirements
        if each.operator in _NAMES
    ]


def _without_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _member(status: dict[str, Any], name: str, type_: type) -> Any:
    value = status.get(name)
    if value is None:
        return type_()
    if not isinstance(value, type_):
        raise WebhookError(f"the member {name} of the status is not a {type_.__name__}")
    return value
