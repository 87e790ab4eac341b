"""Authorization reviews: the three access reviews, and SelfSubjectRulesReview."""

from __future__ import annotations

from typing import Any, Final, Protocol

from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.access.authorization.resolved_rules import (
    NonResourceRule,
    ResourceRule,
    RuleResolver,
)
from apiserver.machinery.errors import BadRequest, Invalid
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object, namespace_of
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.create_virtual import VirtualRequest
from apiserver.registry.reviews.selector_attributes import (
    field_selector,
    label_selector,
    label_selector_error,
    validate_selectors,
)
from apiserver.schema.memberorder import in_order
from apiserver.schema.structtypes import struct_type

# The errors of reviews name no kind.
_KIND: Final = GroupVersionKind("authorization.k8s.io", "", "")
_METADATA: Final = "meta.v1.ObjectMeta"
_ONE_OF: Final = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_BOTH: Final = "cannot be specified in combination with resourceAttributes"


class Authority(Authorizer, RuleResolver, Protocol):
    """Decides on requests, and lists the rules for a user."""


@valueclass
class AccessReviews:
    """Answers reviews with the decisions of ``authorizer``."""

    authorizer: Authority

    async def review(self, request: VirtualRequest, document: Object) -> Object:
        """Answer a SubjectAccessReview, about any user. Raises Invalid."""
        review = await request.prepared(document)
        spec = review["spec"]
        errors = [*_validate(spec), *_validate_subject(spec), *_validate_selectors(spec)]
        _refuse([*errors, *_validate_metadata(review)])
        return await self._answered(request, review, _subject(spec))

    async def review_local(self, request: VirtualRequest, document: Object) -> Object:
        """Answer a LocalSubjectAccessReview, about any user in one namespace. Raises Invalid."""
        review = await request.prepared(document)
        spec = review["spec"]
        metadata = {key: value for key, value in review["metadata"].items() if key != "namespace"}
        errors = [*_validate(spec), *_validate_subject(spec), *_validate_selectors(spec)]
        errors += _validate_metadata(review, metadata)
        attributes, namespace = spec.get("resourceAttributes"), namespace_of(review)
        if attributes is not None and attributes.get("namespace", "") != namespace:
            path, given = "spec.resourceAttributes.namespace", attributes.get("namespace", "")
            errors.append(invalid(path, given, "must match metadata.namespace"))
        if spec.get("nonResourceAttributes") is not None:
            shown = _go_value(spec["nonResourceAttributes"])
            detail = "disallowed on this kind of request"
            errors.append(invalid("spec.nonResourceAttributes", shown, detail))
        _refuse(errors)
        return await self._answered(request, review, _subject(spec))

    async def review_self(self, request: VirtualRequest, document: Object) -> Object:
        """Answer a SelfSubjectAccessReview, about the requesting user. Raises Invalid."""
        review = await request.prepared(document)
        spec = review["spec"]
        _refuse([*_validate(spec), *_validate_selectors(spec), *_validate_metadata(review)])
        return await self._answered(request, review, request.context.user)

    async def review_rules(self, request: VirtualRequest, document: Object) -> Object:
        """Answer a SelfSubjectRulesReview: all rules for the requesting user. Raises BadRequest."""
        review = await request.prepared(document)
        namespace = review["spec"].get("namespace")
        if not namespace:
            raise BadRequest("no namespace on request")
        await request.validate(review)
        rules = await self.authorizer.rules_for(request.context.user, namespace)
        status: dict[str, Any] = {
            "resourceRules": [_resource_rule(rule) for rule in rules.resource_rules],
            "nonResourceRules": [_non_resource_rule(rule) for rule in rules.non_resource_rules],
            "incomplete": rules.incomplete,
        }
        if rules.errors:
            errors = list(dict.fromkeys(rules.errors))
            joined = ", ".join(errors)
            status["evaluationError"] = joined if len(errors) == 1 else f"[{joined}]"
        kind = request.kind
        return {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            "metadata": {},
            "spec": {},
            "status": status,
        }

    async def _answered(self, request: VirtualRequest, review: Object, user: UserInfo) -> Object:
        await request.validate(review)
        attributes, ignored = _attributes(review["spec"], user)
        decision = await self.authorizer.authorize(attributes)
        status: dict[str, Any] = {"allowed": decision.verdict is Verdict.ALLOW}
        if decision.verdict is Verdict.DENY:
            status["denied"] = True
        if decision.reason:
            status["reason"] = decision.reason
        errors = [error for error in (decision.error, ignored) if error]
        if errors:
            status["evaluationError"] = "; ".join(errors)
        return {**review, "status": status}


def _attributes(spec: dict[str, Any], user: UserInfo) -> tuple[AuthorizationAttributes, str]:
    """Return the attributes in a review, and the error for selectors that are ignored."""
    asked = spec.get("resourceAttributes")
    if asked is None:
        path = spec["nonResourceAttributes"]
        verb = path.get("verb", "")
        where = path.get("path", "")
        return AuthorizationAttributes(user, verb, where, is_resource_request=False), ""
    fields, field_error = field_selector(asked)
    attributes = AuthorizationAttributes(
        user,
        asked.get("verb", ""),
        path="",
        is_resource_request=True,
        group=asked.get("group", ""),
        version=asked.get("version") or "*",
        resource=asked.get("resource", ""),
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
        fields=fields,
        labels=label_selector(asked),
    )
    errors = [error for error in (field_error, label_selector_error(asked)) if error]
    return attributes, "; ".join(errors)


def _subject(spec: dict[str, Any]) -> UserInfo:
    return UserInfo(
        spec.get("user", ""),
        uid=spec.get("uid", ""),
        groups=tuple(spec.get("groups") or ()),
        extra=spec.get("extra") or {},
    )


def _validate(spec: dict[str, Any]) -> list[FieldError]:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        return [invalid("spec.nonResourceAttributes", _go_value(path), _BOTH)]
    if resource is None and path is None:
        return [invalid("spec.resourceAttributes", None, _ONE_OF)]
    return []


def _validate_subject(spec: dict[str, Any]) -> list[FieldError]:
    if spec.get("user") or spec.get("groups"):
        return []
    detail = "at least one of user or group must be specified"
    return [invalid("spec.user", spec.get("user", ""), detail)]


def _validate_selectors(spec: dict[str, Any]) -> list[FieldError]:
    return validate_selectors(spec.get("resourceAttributes") or {})


def _validate_metadata(review: Object, metadata: dict[str, Any] | None = None) -> list[FieldError]:
    given = review["metadata"]
    looked_at = given if metadata is None else metadata
    if all(key == "managedFields" for key in looked_at):
        return []
    return [invalid("metadata", in_order(struct_type(_METADATA), given), "must be empty")]


def _go_value(attributes: dict[str, Any]) -> dict[str, Any]:
    # Messages show attributes in the form of the server's Go type.
    return {"Path": attributes.get("path", ""), "Verb": attributes.get("verb", "")}


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(_KIND, "", errors)


def _resource_rule(rule: ResourceRule) -> dict[str, Any]:
    return _members(
        verbs=rule.verbs,
        apiGroups=rule.api_groups,
        resources=rule.resources,
        resourceNames=rule.resource_names,
    )


def _non_resource_rule(rule: NonResourceRule) -> dict[str, Any]:
    return _members(verbs=rule.verbs, nonResourceURLs=rule.urls)


def _members(**members: tuple[str, ...]) -> dict[str, Any]:
    return {name: list(values) for name, values in members.items() if values or name == "verbs"}
