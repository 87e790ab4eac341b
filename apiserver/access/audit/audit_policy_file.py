"""Policy (audit.k8s.io/v1): reads a policy file and checks its rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from marshmallow import fields, post_load

from apiserver.access.audit.audit_policy import (
    LEVELS,
    STAGES,
    AuditPolicy,
    AuditRule,
    GroupResources,
)
from apiserver.access.configuration_files import (
    ConfigurationError,
    StrictSchema,
    Text,
    load_configuration,
)
from apiserver.machinery import fielderrors
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_subdomain_problems

GROUP: Final = "audit.k8s.io"
_MIXED: Final = "rules cannot apply to both regular resources and non-resource URLs"


class _Texts(fields.List[str]):
    """A list of strings; ``null`` is the empty one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), load_default=(), allow_none=True, **kwargs)

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super().deserialize([] if value is None else value, *args, **kwargs)


class _GroupResourcesSchema(StrictSchema):
    group = Text()
    resources = _Texts()
    resource_names = _Texts(data_key="resourceNames")


class _MetadataSchema(StrictSchema):
    class Meta:
        """Nothing in the metadata of a file matters."""

        unknown = "exclude"


class _RuleSchema(StrictSchema):
    level = Text()
    users = _Texts()
    user_groups = _Texts(data_key="userGroups")
    verbs = _Texts()
    resources = fields.List(fields.Nested(_GroupResourcesSchema), load_default=())
    namespaces = _Texts()
    non_resource_urls = _Texts(data_key="nonResourceURLs")
    omit_stages = _Texts(data_key="omitStages")
    omit_managed_fields = fields.Boolean(
        load_default=None, allow_none=True, data_key="omitManagedFields"
    )


class _PolicySchema(StrictSchema):
    metadata = fields.Nested(_MetadataSchema)
    rules = fields.List(fields.Nested(_RuleSchema), load_default=())
    omit_stages = _Texts(data_key="omitStages")
    omit_managed_fields = fields.Boolean(load_default=False, data_key="omitManagedFields")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AuditPolicy:
        """Return the policy. Raises ConfigurationError."""
        rules = data["rules"]
        if not rules:
            raise ConfigurationError("loaded illegal policy with 0 rules")
        errors = list(_validate(data))
        if errors:
            raise ConfigurationError(fielderrors.aggregate(errors))
        omitted = frozenset(data["omit_stages"])
        return AuditPolicy(
            [_rule(rule, omitted, default=data["omit_managed_fields"]) for rule in rules]
        )


def load_audit_policy(data: bytes) -> AuditPolicy:
    """Return the policy in a file. Raises ConfigurationError."""
    policy: AuditPolicy = load_configuration(data, "Policy", {"v1": _PolicySchema()}, GROUP)
    return policy


def _rule(data: Mapping[str, Any], omitted: frozenset[str], *, default: bool) -> AuditRule:
    own = data["omit_managed_fields"]
    return AuditRule(
        level=LEVELS[data["level"]],
        users=frozenset(data["users"]),
        groups=frozenset(data["user_groups"]),
        verbs=frozenset(data["verbs"]),
        resources=tuple(
            GroupResources(
                each["group"], tuple(each["resources"]), frozenset(each["resource_names"])
            )
            for each in data["resources"]
        ),
        namespaces=frozenset(data["namespaces"]),
        non_resource_urls=tuple(data["non_resource_urls"]),
        omit_stages=omitted | frozenset(data["omit_stages"]),
        omit_managed_fields=default if own is None else own,
    )


def _validate(policy: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from _validate_stages(policy["omit_stages"], "omitStages")
    for index, rule in enumerate(policy["rules"]):
        path = f"rules[{index}]"
        level = rule["level"]
        if not level:
            yield fielderrors.required(f"{path}.level")
        elif level not in LEVELS:
            yield fielderrors.not_supported(f"{path}.level", level, LEVELS)
        yield from _validate_stages(rule["omit_stages"], f"{path}.omitStages")
        urls, resources = rule["non_resource_urls"], rule["resources"]
        if urls and (resources or rule["namespaces"]):
            yield fielderrors.invalid(f"{path}.nonResourceURLs", urls, _MIXED)
        for at, url in enumerate(urls):
            problem = _problem_of_url(url)
            if problem:
                yield fielderrors.invalid(f"{path}.nonResourceURLs[{at}]", url, problem)
        for at, each in enumerate(resources):
            yield from _validate_resources(each, f"{path}.resources[{at}]")


def _validate_stages(stages: Any, path: str) -> Iterator[FieldError]:
    for index, stage in enumerate(stages):
        if stage not in STAGES:
            yield fielderrors.not_supported(f"{path}[{index}]", stage, STAGES)


def _validate_resources(each: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    group = each["group"]
    if group:
        for problem in dns1123_subdomain_problems(group):
            yield fielderrors.invalid(f"{path}.group", group, problem)
    names = each["resource_names"]
    if names and not each["resources"]:
        detail = "using resourceNames requires at least one resource"
        yield fielderrors.invalid(f"{path}.resourceNames", names, detail)


def _problem_of_url(url: str) -> str:
    if url == "*":
        return ""
    if not url.startswith("/"):
        return "non-resource URL rules must begin with a '/' character"
    if "*" in url[:-1]:
        return "non-resource URL wildcards '*' must be the final character of the rule"
    return ""
