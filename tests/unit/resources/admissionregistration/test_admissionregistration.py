"""Configurations of webhooks, admission policies and their bindings."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "admissionregistration.k8s.io/v1"
VALIDATING = Kind(API, "ValidatingWebhookConfiguration")
MUTATING = Kind(API, "MutatingWebhookConfiguration")
POLICY = Kind(API, "ValidatingAdmissionPolicy")
BINDING = Kind(API, "ValidatingAdmissionPolicyBinding")
MUTATION = Kind(API, "MutatingAdmissionPolicy")
HOOK = {
    "name": "a.example.com",
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "clientConfig": {"url": "https://x/y"},
}
RULE = {
    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
}  # fmt: skip
RULED = {
    "metadata": {"name": "p"},
    "spec": {
        "matchConstraints": {"resourceRules": [RULE]},
        "validations": [{"expression": "true"}],
    },
}
BOUND = {
    "metadata": {"name": "b"},
    "spec": {"policyName": "p", "validationActions": ["Deny"]},
}
FORM = "; desired format: https://host[/path]"


def hooks(*changes: Object) -> Object:
    return {"metadata": {"name": "w"}, "webhooks": [merged(HOOK, **change) for change in changes]}


HOOK_MISTAKES = [
    ({}, []),
    (
        {"name": "short"},
        [
            'webhooks[0].name: Invalid value: "short": '
            "should be a domain with at least three segments separated by dots"
        ],
    ),
    (
        {"sideEffects": "Some"},
        [
            'webhooks[0].sideEffects: Unsupported value: "Some": '
            'supported values: "None", "NoneOnDryRun"'
        ],
    ),
    (
        {"timeoutSeconds": 31},
        [
            "webhooks[0].timeoutSeconds: Invalid value: 31: "
            "the timeout value must be between 1 and 30 seconds"
        ],
    ),
    (
        {"clientConfig": {"url": None}},
        ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
    ),
    (
        {"clientConfig": {"url": "http://u@x/?q#f"}},
        [
            'webhooks[0].clientConfig.url: Invalid value: "http": '
            f"'https' is the only allowed URL scheme{FORM}",
            'webhooks[0].clientConfig.url: Invalid value: "u": '
            "user information is not permitted in the URL",
            'webhooks[0].clientConfig.url: Invalid value: "f": '
            "fragments are not permitted in the URL",
            'webhooks[0].clientConfig.url: Invalid value: "q": '
            "query parameters are not permitted in the URL",
        ],
    ),
    (
        {"clientConfig": {"url": None, "service": {"name": "s", "path": "/a//b"}}},
        [
            "webhooks[0].clientConfig.service.name: Required value",
            'webhooks[0].clientConfig.service.path: Invalid value: "/a//b": '
            "segment[1] may not be empty",
        ],
    ),
    (
        {"admissionReviewVersions": ["v9"]},
        [
            'webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: '
            "must include at least one of v1, v1beta1"
        ],
    ),
    (
        {"failurePolicy": "Odd", "matchPolicy": "Odd"},
        [
            'webhooks[0].failurePolicy: Unsupported value: "Odd": '
            'supported values: "Fail", "Ignore"',
            'webhooks[0].matchPolicy: Unsupported value: "Odd": '
            'supported values: "Equivalent", "Exact"',
        ],
    ),
]

RULE_MISTAKES = [
    (
        {"operations": ["*", "READ"]},
        [
            'operations: Invalid value: ["*","READ"]: '
            "if '*' is present, must not specify other operations",
            'operations[1]: Unsupported value: "READ": supported values: "*", "CONNECT", '
            '"CREATE", "DELETE", "UPDATE"',
        ],
    ),
    ({"apiGroups": []}, ["apiGroups: Required value"]),
    ({"apiVersions": [""]}, ["apiVersions[0]: Required value"]),
    (
        {"resources": ["*/*", "pods"]},
        [
            'resources: Invalid value: ["*/*","pods"]: '
            "if '*/*' is present, must not specify other resources"
        ],
    ),
    (
        {"resources": ["pods/*", "pods/status"]},
        [
            'resources[1]: Invalid value: "pods/status": '
            "if 'pods/*' is present, must not specify pods/status"
        ],
    ),
    (
        {"resources": ["*", "pods"]},
        [
            'resources: Invalid value: ["*","pods"]: '
            "if '*' is present, must not specify other resources without subresources"
        ],
    ),
    (
        {"scope": "Odd"},
        ['scope: Unsupported value: "Odd": supported values: "*", "Cluster", "Namespaced"'],
    ),
]

POLICY_MISTAKES = [
    ({}, []),
    ({"matchConstraints": None}, ["spec.matchConstraints: Required value"]),
    (
        {"matchConstraints": {"resourceRules": None}},
        ["spec.matchConstraints.resourceRules: Required value"],
    ),
    (
        {"validations": None},
        [
            f"spec.{member}: Required value: "
            "validations or auditAnnotations must contain at least one item"
            for member in ("validations", "auditAnnotations")
        ],
    ),
    (
        {"validations": [{"expression": "true", "message": "a\nb", "reason": "Odd"}]},
        [
            'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
            'spec.validations[0].reason: Unsupported value: "Odd": supported values: '
            '"Forbidden", "Invalid", "RequestEntityTooLarge"',
        ],
    ),
    (
        {"paramKind": {"kind": "K"}},
        ["spec.paramKind.apiVersion: Required value"],
    ),
    (
        {"matchConditions": [{"name": "a", "expression": "true"}] * 2},
        ['spec.matchConditions[1].name: Duplicate value: "a"'],
    ),
    (
        {
            "matchConditions": [{"name": "a", "expression": "request.name"}],
            "variables": [
                {"name": "count", "expression": "size(object.data)"},
                {"name": "wrong", "expression": "variables.later"},
                {"name": "labels", "expression": "namespaceObject.metadata.labels"},
            ],
            "validations": [
                {"expression": "variables.count < 5 && variables.labels['a'] == variables.wrong"},
                {"expression": "variables.labels", "messageExpression": "variables.count"},
                {"expression": "request.userInfo.groups.exists(g, g == 1)"},
            ],
            "auditAnnotations": [{"key": "k", "valueExpression": "1.5"}],
        },
        [
            'spec.matchConditions[0].expression: Invalid value: "request.name": '
            "must evaluate to bool but got string",
            'spec.variables[1].expression: Invalid value: "variables.later": compilation failed: '
            "ERROR: <input>:1:10: undefined field 'later'\n | variables.later\n | .........^",
            'spec.validations[1].expression: Invalid value: "variables.labels": '
            "must evaluate to bool but got map(string, string)",
            'spec.validations[1].messageExpression: Invalid value: "variables.count": '
            "must evaluate to string but got int",
            "spec.validations[2].expression: Invalid value: "
            '"request.userInfo.groups.exists(g, g == 1)": compilation failed: ERROR: <input>:1:37: '
            "found no matching overload for '_==_' applied to '(string, int)'\n"
            " | request.userInfo.groups.exists(g, g == 1)\n"
            " | ....................................^",
            'spec.auditAnnotations[0].valueExpression: Invalid value: "1.5": '
            "must evaluate to one of [string null_type] but got double",
        ],
    ),
    (
        {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "validations": [{"expression": "params.data.x == object.metadata.name"}],
        },
        [],
    ),
    (
        {"validations": [{"expression": "params.x"}]},
        [
            'spec.validations[0].expression: Invalid value: "params.x": compilation failed: '
            "ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n"
            " | params.x\n | ^"
        ],
    ),
]

BINDING_MISTAKES = [
    ({}, []),
    ({"policyName": None}, ["spec.policyName: Required value"]),
    (
        {"paramRef": {"parameterNotFoundAction": "Deny"}},
        ["spec.paramRef: Required value: one of name or selector must be specified"],
    ),
    (
        {"paramRef": {"name": "n", "parameterNotFoundAction": "Odd"}},
        [
            'spec.paramRef.parameterNotFoundAction: Unsupported value: "Odd": '
            'supported values: "Deny", "Allow"'
        ],
    ),
    (
        {"validationActions": ["Odd"]},
        [
            'spec.validationActions[0]: Unsupported value: "Odd": '
            'supported values: "Audit", "Deny", "Warn"'
        ],
    ),
    (
        {"validationActions": ["Deny", "Warn"]},
        [
            'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny '
            "and Warn (repeating the same validation failure information in the API response and "
            "headers serves no purpose)"
        ],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), HOOK_MISTAKES)
def test_a_webhook_says_how_it_is_reached(changes: Object, errors: list[str]) -> None:
    assert VALIDATING.create(hooks(changes)).errors == errors


@pytest.mark.parametrize(("changes", "errors"), RULE_MISTAKES)
def test_rules_say_what_they_are_about(changes: Object, errors: list[str]) -> None:
    created = VALIDATING.create(hooks({"rules": [merged(RULE, **changes)]}))
    assert created.errors == [f"webhooks[0].rules[0].{error}" for error in errors]


def test_webhooks_have_different_names() -> None:
    assert VALIDATING.create(hooks({}, {})).errors == [
        'webhooks[1].name: Duplicate value: "a.example.com"'
    ]


def test_a_webhook_gets_its_defaults() -> None:
    service = {"url": None, "service": {"namespace": "n", "name": "s"}}
    document = hooks({"clientConfig": service, "rules": [RULE]})
    (hook,) = MUTATING.create(document).object["webhooks"]
    expected = {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "reinvocationPolicy": "Never",
        "timeoutSeconds": 10,
    }
    assert {name: hook[name] for name in expected} == expected
    assert hook["rules"][0]["scope"] == "*"
    assert hook["clientConfig"]["service"]["port"] == 443


def test_the_generation_follows_the_webhooks() -> None:
    made = VALIDATING.create(hooks({}))
    assert VALIDATING.update(made, hooks({"timeoutSeconds": 5})).generation == 2
    assert VALIDATING.update(made, hooks({})).generation == 1


@pytest.mark.parametrize(("spec", "errors"), POLICY_MISTAKES)
def test_a_policy_has_constraints_and_rules(spec: Object, errors: list[str]) -> None:
    assert POLICY.create(merged(RULED, spec=spec)).errors == errors


@pytest.mark.parametrize(("spec", "errors"), BINDING_MISTAKES)
def test_a_binding_names_policy_parameters_and_actions(spec: Object, errors: list[str]) -> None:
    assert BINDING.create(merged(BOUND, spec=spec)).errors == errors


def test_a_mutation_is_a_patch_and_never_of_what_is_deleted() -> None:
    rule = merged(RULE, operations=["DELETE"])
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": None,
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch"}, {"patchType": "Merge"}],
    }
    assert MUTATION.create(merged(RULED, spec=spec)).errors == [
        'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": '
        'supported values: "*", "CONNECT", "CREATE", "UPDATE"',
        "spec.mutations[0].jsonPatch: Required value: "
        "must be specified when patchType is JSONPatch",
        'spec.mutations[1].patchType: Unsupported value: "Merge": '
        'supported values: "ApplyConfiguration", "JSONPatch"',
    ]


def test_rows_count_rules_and_show_parameters() -> None:
    kind = {"apiVersion": "example.com/v1", "kind": "K"}
    assert POLICY.cells(POLICY.create(merged(RULED, spec={"paramKind": kind})))[:3] == [
        "p", 1, "example.com/v1/K",
    ]  # fmt: skip
    reference = {"name": "n", "parameterNotFoundAction": "Deny"}
    assert BINDING.cells(BINDING.create(BOUND))[1:3] == ["p", "<unset>"]
    made = BINDING.create(merged(BOUND, spec={"paramRef": reference}))
    assert BINDING.cells(made)[1:3] == ["p", "*/n"]
    selector = {
        "matchLabels": {"b": "c", "a": "b"},
        "matchExpressions": [{"key": "k", "operator": "In", "values": ["x", "y"]}],
    }
    reference = {"selector": selector, "parameterNotFoundAction": "Deny"}
    made = BINDING.create(merged(BOUND, spec={"paramRef": reference}))
    assert BINDING.cells(made)[2] == (
        "&LabelSelector{MatchLabels:map[string]string{a: b,b: c,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}"
    )
    assert VALIDATING.cells(VALIDATING.create(hooks({}, {})))[:2] == ["w", 2]
