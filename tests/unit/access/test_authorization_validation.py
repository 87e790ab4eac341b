"""Validation of AuthorizationConfiguration."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.access.authorization.authorization_configuration import (
    AuthorizationConfiguration,
    parse_authorization_configuration,
)
from apiserver.access.authorization.authorization_validation import check_authorizers
from apiserver.access.configuration_files import ConfigurationError

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n"
WEBHOOK = {
    "timeout": "3s",
    "subjectAccessReviewVersion": "v1",
    "failurePolicy": "NoOpinion",
    "connectionInfo": "{type: KubeConfigFile, kubeConfigFile: FILE}",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "webhook.kubeconfig"
    path.write_text("")
    return path


def parse(body: str, version: str = "v1") -> AuthorizationConfiguration:
    return parse_authorization_configuration((HEAD.replace("/v1", f"/{version}") + body).encode())


def check(body: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        check_authorizers(parse(body))
    return str(refusal.value)


def webhook(file: Path, **members: str | None) -> str:
    """Return a configuration of one webhook; ``None`` leaves a member out."""
    given = {name: value for name, value in {**WEBHOOK, **members}.items() if value is not None}
    text = ", ".join(f"{name}: {value}" for name, value in given.items())
    body = f"authorizers: [{{type: Webhook, name: w, webhook: {{{text}}}}}]"
    return body.replace("FILE", str(file))


def test_a_configuration_is_read_with_its_defaults(file: Path) -> None:
    for version in ("v1", "v1beta1"):
        configuration = parse(webhook(file), version)
        (conditions,) = check_authorizers(configuration)
        assert conditions is None
        (authorizer,) = configuration.authorizers
        found = authorizer.webhook
        assert found is not None
        assert (found.timeout, found.authorized_ttl, found.unauthorized_ttl) == (3.0, 300.0, 30.0)
        assert (found.cache_authorized, found.cache_unauthorized) == (True, True)


def test_several_authorizers_stand_in_order(file: Path) -> None:
    body = (
        webhook(
            file,
            authorizedTTL="1m",
            unauthorizedTTL="1s",
            cacheAuthorizedRequests="false",
            matchConditionSubjectAccessReviewVersion="v1",
            matchConditions="[{expression: \"request.user == 'a'\"}]",
        ).removesuffix("]")
        + ", {type: Node, name: node}, {type: RBAC, name: rbac},"
        + webhook(file).partition("[")[2].replace("name: w", "name: second")
    )
    configuration = parse(body)
    conditions = check_authorizers(configuration)
    assert [each.type for each in configuration.authorizers] == [
        "Webhook", "Node", "RBAC", "Webhook",
    ]  # fmt: skip
    assert [each is not None for each in conditions] == [True, False, False, False]
    first = configuration.authorizers[0].webhook
    assert first is not None
    assert (first.authorized_ttl, first.cache_authorized) == (60.0, False)


AT = "authorizers[0]"
KNOWN = '"ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"'


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "authorizers: Required value: at least one authorization mode must be defined"),
        ("authorizers: [{name: a}]", f"{AT}.type: Required value"),
        (
            "authorizers: [{type: Foo, name: a}]",
            f'{AT}.type: Unsupported value: "Foo": supported values: {KNOWN}',
        ),
        (
            "authorizers: [{type: ABAC, name: a}]",
            f'{AT}.type: Invalid value: "ABAC": this server has no policy files',
        ),
        (
            "authorizers: [{type: RBAC, name: a}, {type: RBAC, name: b}]",
            'authorizers[1].type: Duplicate value: "RBAC"',
        ),
        ("authorizers: [{type: RBAC}]", f"{AT}.name: Required value"),
        (
            "authorizers: [{type: RBAC, name: a}, {type: Node, name: a}]",
            'authorizers[1].name: Duplicate value: "a"',
        ),
        ("authorizers: [{type: Webhook, name: a}]", f"{AT}.webhook: Required value: required when "
         "type=Webhook"),
        (
            "authorizers: [{type: RBAC, name: a, webhook: {}}]",
            f'{AT}.webhook: Invalid value: "non-null": may only be specified when type=Webhook',
        ),
    ],
)  # fmt: skip
def test_authorizers_that_are_refused(body: str, error: str) -> None:
    assert check(body) == error


def test_a_name_is_a_subdomain() -> None:
    assert check("authorizers: [{type: RBAC, name: A_b}]").startswith(
        f'{AT}.name: Invalid value: "A_b": authorizer name is invalid: a lowercase RFC 1123 '
    )


CONDITION = f"{AT}.matchConditions[0].expression"
VERSIONED = {"matchConditionSubjectAccessReviewVersion": "v1"}


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"timeout": None}, f"{AT}.timeout: Required value"),
        ({"timeout": "31s"}, f'{AT}.timeout: Invalid value: "31s": must be > 0s and <= 30s'),
        ({"timeout": "-1s"}, f'{AT}.timeout: Invalid value: "-1s": must be > 0s and <= 30s'),
        ({"authorizedTTL": "-1s"}, f'{AT}.authorizedTTL: Invalid value: "-1s": must be > 0s'),
        ({"subjectAccessReviewVersion": None}, f"{AT}.subjectAccessReviewVersion: Required value"),
        (
            {"subjectAccessReviewVersion": "v2"},
            f'{AT}.subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", '
            '"v1beta1"',
        ),
        (
            {"matchConditions": "[{expression: 'true'}]"},
            f"{AT}.matchConditionSubjectAccessReviewVersion: Required value: required if match "
            "conditions are specified",
        ),
        (
            {"matchConditionSubjectAccessReviewVersion": "v1beta1"},
            f'{AT}.matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": '
            'supported values: "v1"',
        ),
        ({"failurePolicy": None}, f"{AT}.failurePolicy: Required value"),
        (
            {"failurePolicy": "Allow"},
            f'{AT}.failurePolicy: Unsupported value: "Allow": supported values: "NoOpinion", '
            '"Deny"',
        ),
        ({"connectionInfo": None}, f"{AT}.connectionInfo.type: Required value"),
        (
            {"connectionInfo": "{type: InClusterConfig}"},
            f'{AT}.connectionInfo.type: Invalid value: "InClusterConfig": not allowed for '
            "kube-apiserver",
        ),
        (
            {"connectionInfo": "{type: KubeConfigFile}"},
            f"{AT}.connectionInfo.kubeConfigFile: Required value",
        ),
        (
            {"connectionInfo": "{type: KubeConfigFile, kubeConfigFile: a/b}"},
            f'{AT}.connectionInfo.kubeConfigFile: Invalid value: "a/b": must be an absolute path',
        ),
        (
            {"connectionInfo": "{type: KubeConfigFile, kubeConfigFile: /no/such}"},
            f'{AT}.connectionInfo.kubeConfigFile: Invalid value: "/no/such": error loading file: '
            "stat /no/such: no such file or directory",
        ),
        (
            {"connectionInfo": "{type: KubeConfigFile, kubeConfigFile: /}"},
            f'{AT}.connectionInfo.kubeConfigFile: Invalid value: "/": must be a regular file',
        ),
        ({"matchConditions": "[{}]", **VERSIONED}, f"{CONDITION}: Required value"),
        (
            {"matchConditions": "[{expression: request.user}]", **VERSIONED},
            f'{CONDITION}: Invalid value: "request.user": must evaluate to bool but got string',
        ),
        (
            {"matchConditions": "[{expression: request.age == 1}]", **VERSIONED},
            f'{CONDITION}: Invalid value: "request.age == 1": compilation failed: ERROR: '
            "<input>:1:8: undefined field 'age'\n | request.age == 1\n | .......^",
        ),
        (
            {"matchConditions": "[{expression: 'true'}, {expression: 'true'}]", **VERSIONED},
            f'{AT}.matchConditions[1].expression: Duplicate value: "true"',
        ),
        (
            {"matchConditions": f"[{', '.join(['{}'] * 65)}]", **VERSIONED},
            f"{AT}.matchConditions: Too many: 65: must have at most 64 items",
        ),
    ],
)
def test_webhooks_that_are_refused(file: Path, members: dict[str, str | None], error: str) -> None:
    assert check(webhook(file, **members)) == error


def test_an_unknown_member_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'unknown field "authorizers\[0\].webhook.url"'):
        parse(webhook(file, url="x"))
    with pytest.raises(ConfigurationError, match=r"webhook.timeout: time: missing unit"):
        parse(webhook(file, timeout="'3'"))
