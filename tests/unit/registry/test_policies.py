"""Admission policies: what they deny, warn of, note and change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, create, named
from tests.unit.registry.policies import RULE, Policies, policies_in_memory

MAP = {**named("a", "n"), "data": {"level": "low"}}


async def denial(policies: Policies, document: Any = MAP, **attributes: Any) -> dict[str, Any]:
    with pytest.raises(StatusError) as denied:
        await policies.create(document, **attributes)
    return denied.value.status()


def validations(*expressions: str, **others: Any) -> dict[str, Any]:
    return {"validations": [{"expression": each} for each in expressions], **others}


DENIED = {
    "object.data.level == 'high'": "failed expression: object.data.level == 'high'",
    "object.data.none == 'x'": (
        "expression 'object.data.none == 'x'' resulted in error: no such key: none"
    ),
    "request.operation + request.name + request.namespace + request.userInfo.username"
    " + request.options.kind + request.options.fieldManager == ''": None,
    "1 / (size(object.data) - 1) == 0": (
        "expression '1 / (size(object.data) - 1) == 0' resulted in error: division by zero"
    ),
    "object.": "compilation error: compilation failed: ERROR: ",
}


@pytest.mark.parametrize("expression", DENIED)
async def test_denied(expression: str) -> None:
    async with policies_in_memory() as policies:
        policies.validate_by(validations("true", expression))
        status = await denial(policies)
        expected = DENIED[expression] or f"failed expression: {expression}"
        cause = "ValidatingAdmissionPolicy 'p' with binding 'b0' denied request: " + expected
        assert status["message"].startswith(f'configmaps "a" is forbidden: {cause}')
        assert status["details"]["causes"][0]["message"].startswith(cause)
        assert (status["code"], status["reason"]) == (422, "Invalid")


REASONS = {"Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}


@pytest.mark.parametrize("reason", REASONS)
async def test_reasons(reason: str) -> None:
    async with policies_in_memory() as policies:
        policies.validate_by({"validations": [{"expression": "false", "reason": reason}]})
        status = await denial(policies)
        assert (status["code"], status["reason"]) == (REASONS[reason], reason)


MESSAGES = {
    ("'level ' + object.data.level", "given"): "level low",
    ("'  around  '", ""): "around",
    ("object.data.none", "given"): "given",
    ("'two\\nlines'", "given"): "given",
    ("' '", ""): "failed expression: false",
    ("", "given"): "given",
}


@pytest.mark.parametrize(("expression", "message"), MESSAGES)
async def test_messages(expression: str, message: str) -> None:
    async with policies_in_memory() as policies:
        rule = {"expression": "false", "messageExpression": expression, "message": message}
        policies.validate_by({"validations": [rule]})
        status = await denial(policies)
        assert status["message"].endswith("denied request: " + MESSAGES[expression, message])


async def test_errors_count_only_if_the_failure_policy_is_fail() -> None:
    async with policies_in_memory() as policies:
        spec = validations("object.nothing", failurePolicy="Ignore")
        policies.validate_by(spec)
        await policies.create(MAP)
        policies.validate_by({**spec, "failurePolicy": "Fail"})
        await denial(policies)


async def test_match_conditions_decide_first() -> None:
    async with policies_in_memory() as policies:
        conditions = [{"name": "c", "expression": "object.metadata.name != 'a'"}]
        policies.validate_by(validations("false", matchConditions=conditions))
        await policies.create(MAP)
        assert "false" in (await denial(policies, {"metadata": {"name": "b"}}))["message"]


async def test_actions() -> None:
    async with policies_in_memory() as policies:
        spec = validations("false", "object.data.level == 'high'")
        policies.validate_by(spec, {"validationActions": ["Warn", "Audit"]})
        await policies.create(MAP)
        start = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b0': "
        assert policies.warnings == [
            f"{start}failed expression: false",
            f"{start}failed expression: object.data.level == 'high'",
        ]
        noted = policies.annotations["validation.policy.admission.k8s.io/validation_failure"]
        assert json.loads(noted) == [{
            "message": "failed expression: object.data.level == 'high'", "policy": "p",
            "binding": "b0", "expressionIndex": 1, "validationActions": ["Warn", "Audit"],
        }]  # fmt: skip


async def test_audit_annotations() -> None:
    async with policies_in_memory() as policies:
        annotations = [
            {"key": "level", "valueExpression": "' ' + object.data.level"},
            {"key": "nothing", "valueExpression": "null"},
            {"key": "blank", "valueExpression": "' '"},
        ]
        policies.validate_by({"auditAnnotations": annotations})
        await policies.create(MAP)
        assert policies.annotations == {"p/level": "low"}
        policies.validate_by(
            {"auditAnnotations": [{"key": "k", "valueExpression": "string(object.x)"}]}
        )
        message = (await denial(policies))["message"]
        assert message.endswith("expression 'string(object.x)' resulted in error: no such key: x")


async def test_variables() -> None:
    async with policies_in_memory() as policies:
        policies.validate_by({
            "variables": [
                {"name": "level", "expression": "object.data.level"},
                {"name": "wanted", "expression": "variables.level + 'er'"},
            ],
            "validations": [{"expression": "false", "messageExpression": "variables.wanted"}],
        })  # fmt: skip
        assert (await denial(policies))["message"].endswith(": lower")


async def test_the_authorizer_is_asked_once() -> None:
    async with policies_in_memory() as policies:
        check = "authorizer.group('g').resource('{}').namespace('x').check('get').allowed()"
        allowed, refused = check.format("allowed"), check.format("refused")
        policies.validate_by(validations(f"{allowed} && !{refused}", allowed, f"!{refused}"))
        await policies.create(MAP)
        asked = [(each.resource, each.version) for each in policies.authorizer.asked]
        assert asked == [("allowed", "*"), ("refused", "*")]
        policies.validate_by(validations("authorizer.requestResource.check('create').allowed()"))
        await denial(policies)
        await policies.create(named("allowed", "n"))


async def test_what_costs_too_much_is_denied_beside_the_event_loop() -> None:
    async with policies_in_memory() as policies:
        numbers = "[1,2,3,4,5,6,7,8,9]"
        nested = f"{numbers}.all(a, {{}})"
        huge = "a > 0"
        for _ in range(6):
            huge = nested.format(huge)
        policies.validate_by(validations(huge))
        assert (
            "operation cancelled: actual cost limit exceeded" in (await denial(policies))["message"]
        )


PARAM_MAPS = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}


async def test_params() -> None:
    async with policies_in_memory() as policies:
        registry = policies.registry
        await create(registry, NAMESPACES, named("n"))
        for name in ("one", "two"):
            labels = {"labels": {"for": "p"}}
            document = {**named(name, "n", **labels), "data": {"level": name}}
            await create(registry, CONFIG_MAPS, document)
        spec = {
            **PARAM_MAPS,
            "validations": [
                {"expression": "false", "messageExpression": "string(params.data.level)"}
            ],
        }
        reference: dict[str, Any] = {"name": "two", "parameterNotFoundAction": "Deny"}
        policies.validate_by(spec, {"paramRef": reference})
        assert (await denial(policies))["message"].endswith(": two")
        selected = {"selector": {"matchLabels": {"for": "p"}}, "parameterNotFoundAction": "Deny"}
        policies.validate_by(spec, {"paramRef": selected, "validationActions": ["Warn"]})
        await policies.create(MAP)
        assert [each.rpartition(" ")[2] for each in policies.warnings] == ["one", "two"]
        policies.validate_by({**PARAM_MAPS, **validations("params == null")})
        await policies.create(MAP)


NOT_CONFIGURED = [
    (PARAM_MAPS, {"name": "none", "parameterNotFoundAction": "Deny"}, MAP,
     " with binding 'b0' denied request: failed to configure binding: no params found for policy "
     "binding with `Deny` parameterNotFoundAction"),
    (PARAM_MAPS, {"name": "none", "parameterNotFoundAction": "Allow"}, MAP, ""),
    (PARAM_MAPS, {"name": "x", "parameterNotFoundAction": "Allow"}, named("a"),
     " with binding 'b0' denied request: failed to configure binding: cannot use namespaced "
     "paramRef in policy binding that matches cluster-scoped resources"),
    ({"paramKind": {"apiVersion": "v1", "kind": "Namespace"}},
     {"name": "x", "namespace": "n", "parameterNotFoundAction": "Allow"}, MAP,
     " with binding 'b0' denied request: failed to configure binding: paramRef.namespace must not "
     "be provided for a cluster-scoped `paramKind`"),
    ({"paramKind": {"apiVersion": "g/v1", "kind": "None"}}, None, MAP,
     " denied request: failed to configure policy: failed to find resource referenced by "
     "paramKind: 'g/v1, Kind=None'"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "reference", "document", "expected"), NOT_CONFIGURED)
async def test_params_that_are_missing(
    kind: dict[str, Any], reference: Any, document: Any, expected: str
) -> None:
    async with policies_in_memory() as policies:
        spec = {**kind, **validations("false")}
        policies.validate_by(spec, {"paramRef": reference} if reference else {})
        if expected:
            assert (await denial(policies, document))["message"].endswith("'p'" + expected)
        policies.validate_by(
            {**spec, "failurePolicy": "Ignore"}, {"paramRef": reference} if reference else {}
        )
        await policies.create(document)


async def test_bindings_choose_requests() -> None:
    async with policies_in_memory() as policies:
        match = {"objectSelector": {"matchLabels": {"a": "b"}}}
        policies.validate_by(validations("false"), {"matchResources": match})
        await policies.create(MAP)
        await denial(policies, named("a", "n", labels={"a": "b"}))


async def test_deletions_and_updates() -> None:
    async with policies_in_memory() as policies:
        policies.validate_by(validations(
            "request.operation != 'DELETE' || object == null && oldObject.metadata.name == 'b'",
            "request.operation != 'UPDATE' || object != oldObject",
        ))  # fmt: skip
        await policies.delete(named("b", "n"))
        await policies.update(MAP, named("a", "n"))
        with pytest.raises(StatusError):
            await policies.delete(MAP)
        with pytest.raises(StatusError):
            await policies.update(MAP, MAP)


async def test_other_versions_are_converted() -> None:
    async with policies_in_memory() as policies:
        rule = {**RULE, "apiGroups": ["autoscaling"], "apiVersions": ["v2"]}
        policies.validate_by({
            "matchConstraints": {"resourceRules": [rule], "matchPolicy": "Equivalent"},
            "validations": [{
                "expression": "false",
                "messageExpression": "object.apiVersion + request.kind.version + ' '"
                " + request.requestKind.version + ' ' + string(object.spec.metrics.size())",
            }],
        })  # fmt: skip
        document = {
            **named("a", "n"), "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "spec": {"maxReplicas": 2, "targetCPUUtilizationPercentage": 5, "scaleTargetRef": {}},
        }  # fmt: skip
        status = await denial(
            policies,
            document,
            gvk=GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"),
            gvr=GroupVersionResource("autoscaling", "v1", "horizontalpodautoscalers"),
        )
        assert status["message"].endswith("autoscaling/v2v2 v1 1")


def merging(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


async def test_mutations_see_each_other() -> None:
    async with policies_in_memory() as policies:
        first = merging("Object{metadata: Object.metadata{labels: {'a': 'b'}}}")
        second = patching(
            "[JSONPatch{op: 'add', path: '/data/' + jsonpatch.escapeKey('x/y'), "
            "value: object.metadata.labels.a}]"
        )
        policies.mutate_by({"mutations": [first, second]})
        created = await policies.create(MAP)
        assert created["metadata"]["labels"] == {"a": "b"}
        assert created["data"] == {"level": "low", "x/y": "b"}


FAILING = [
    (patching("[JSONPatch{op: 'remove', path: '/data/none'}]"), 403, "Invalid",
     "policy 'p' with binding 'b0' denied request: JSON Patch: error in remove for path: "
     "'/data/none': Unable to remove nonexistent key: none: missing value"),
    (patching("[JSONPatch{op: 'add', path: '/data', value: 5}]"), 500, "InternalError",
     "Internal error occurred: json: cannot unmarshal number into Go struct field "
     "ConfigMap.data of type map[string]string"),
    (patching("[JSONPatch{op: 'add', path: '/metadata/none', value: 1}]"), 500, "InternalError",
     'Internal error occurred: strict decoding error: unknown field "metadata.none"'),
    (patching("[JSONPatch{op: 'add', path: '/kind', value: 'None'}]"), 500, "InternalError",
     'Internal error occurred: no kind "None" is registered for version "v1" in scheme '
     '"pkg/api/legacyscheme/scheme.go:30"'),
    (merging("Object{none: 1}"), 403, "Invalid",
     "policy 'p' with binding 'b0' denied request: error applying patch: failed to convert patch "
     "object to typed object: .none: field not declared in schema"),
    (merging("Object{data: object.none}"), 403, "Invalid",
     "policy 'p' with binding 'b0' denied request: expression 'Object{data: object.none}' "
     "resulted in error: no such key: none"),
    (merging("Object{data: Object.spec{}}"), 403, "Invalid",
     "policy 'p' with binding 'b0' denied request: type mismatch: unexpected type name "
     '"Object.spec", expected "Object.data", which matches field name path from root Object type'),
]  # fmt: skip


@pytest.mark.parametrize(("mutation", "code", "reason", "message"), FAILING)
async def test_mutations_that_fail(
    mutation: dict[str, Any], code: int, reason: str, message: str
) -> None:
    async with policies_in_memory() as policies:
        policies.mutate_by({"mutations": [mutation]})
        status = await denial(policies)
        assert (status["code"], status["reason"], status["message"]) == (code, reason, message)


async def test_a_test_that_fails_changes_nothing() -> None:
    async with policies_in_memory() as policies:
        operations = (
            "[JSONPatch{op: 'add', path: '/data/a', value: 'b'}, "
            "JSONPatch{op: 'test', path: '/data/level', value: 'high'}]"
        )
        policies.mutate_by({"mutations": [patching(operations)]})
        assert (await policies.create(MAP))["data"] == MAP["data"]


async def test_atomic_parts_cannot_be_changed() -> None:
    async with policies_in_memory() as policies:
        source = "Object{spec: Object.spec{nodeSelector: {'a': 'b'}}}"
        policies.mutate_by({"mutations": [merging(source)]})
        pod = {"kind": "Pod", **named("a", "n"), "spec": {"containers": []}}
        status = await denial(
            policies,
            pod,
            gvk=GroupVersionKind("", "v1", "Pod"),
            gvr=GroupVersionResource("", "v1", "pods"),
        )
        assert status["message"].endswith(
            "may not mutate atomic arrays, maps or structs: .spec.nodeSelector"
        )
