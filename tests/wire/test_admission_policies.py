"""Admission policies, as clients see them: what they deny, warn of and change, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import PATIENCE
from tests.wire.conftest import Answer, Api

GROUP = "/apis/admissionregistration.k8s.io/v1"
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def config_map(name: str, **members: Any) -> dict[str, Any]:
    metadata = {"name": name, **members.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **members}


class Policies:
    """Policies for one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.maps = f"/api/v1/namespaces/{namespace}/configmaps"
        self._made: list[str] = []

    async def make(self, sort: str, spec: dict[str, Any], **binding: Any) -> None:
        """Create a policy ``sort`` of this namespace, and its binding."""
        name, kind = f"{self.namespace}-{len(self._made)}", f"{sort.capitalize()}AdmissionPolicy"
        rule = {
            "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
            "resources": ["configmaps", "deployments", "deployments/scale"],
        }  # fmt: skip
        if sort == "mutating":
            rule["operations"] = ["CREATE", "UPDATE"]
            spec = {"reinvocationPolicy": "Never", **spec}
        else:
            binding = {"validationActions": ["Deny"], **binding}
        labels = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        match = {"namespaceSelector": labels, "resourceRules": [rule]}
        for plural, shown, given in (
            (f"{sort}admissionpolicies", kind, {"matchConstraints": match, **spec}),
            (f"{sort}admissionpolicybindings", f"{kind}Binding", {"policyName": name, **binding}),
        ):
            document = {
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": shown,
                "metadata": {"name": name}, "spec": given,
            }  # fmt: skip
            answer = await self.api.post(f"{GROUP}/{plural}", document)
            assert answer.status == 201, answer.text
            self._made.append(f"{GROUP}/{plural}/{name}")

    async def until(self, status: int, document: dict[str, Any]) -> Answer:
        """Return the answer to a dry run as soon as it has a status."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.api.post(f"{self.maps}?dryRun=All", document)
                if answer.status == status:
                    return answer

    async def remove(self) -> None:
        for path in reversed(self._made):
            await self.api.send("DELETE", path)


@asynccontextmanager
async def policies_of(api: Api, namespace: str) -> AsyncIterator[Policies]:
    policies = Policies(api, namespace)
    try:
        yield policies
    finally:
        await policies.remove()


async def test_verbs_are_denied(api: Api, namespace: str) -> None:
    async with policies_of(api, namespace) as policies:
        maps = policies.maps
        await api.post(maps, config_map("a"))
        await policies.make(
            "validating",
            {
                "validations": [{
                    "expression": "request.userInfo.username == 'nobody' || "
                    "request.name.startsWith('ok')",
                    "messageExpression": "request.operation + ' of ' + request.name",
                }]
            },
        )  # fmt: skip
        await policies.until(422, config_map("b"))
        told = {
            "CREATE of b": await api.post(maps, config_map("b")),
            "UPDATE of a": await api.send("PUT", f"{maps}/a", config_map("a", data={"a": "b"})),
            "UPDATE of a ": await api.send("PATCH", f"{maps}/a", {"data": {"a": "b"}}, MERGE),
            "CREATE of c": await api.send(
                "PATCH", f"{maps}/c?fieldManager=me", config_map("c"), APPLY
            ),
            "DELETE of a": await api.send("DELETE", f"{maps}/a"),
        }
        for text, answer in told.items():
            assert answer.status == 422, answer.text
            assert answer.json["message"].endswith(f"denied request: {text.strip()}")
        assert (await api.post(maps, config_map("ok"))).status == 201


async def test_a_warning_is_a_header(api: Api, namespace: str) -> None:
    async with policies_of(api, namespace) as policies:
        await policies.make(
            "validating",
            {"validations": [{"expression": "has(object.data)", "message": "no data"}]},
            validationActions=["Warn", "Audit"],
        )
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await api.post(f"{policies.maps}?dryRun=All", config_map("a"))
                if "Warning" in answer.headers:
                    break
        assert "no data" in answer.headers["Warning"]
        assert answer.status == 201


async def test_scales_are_judged_as_scales(api: Api, namespace: str) -> None:
    async with policies_of(api, namespace) as policies:
        deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        labels = {"app": "a"}
        template = {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        }  # fmt: skip
        spec = {"selector": {"matchLabels": labels}, "template": template}
        document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
        await api.post(deployments, {**document, "spec": spec})
        await policies.make(
            "validating",
            {
                "validations": [{
                    "expression": "object.kind != 'Scale' || object.spec.replicas <= 2",
                    "messageExpression": "request.subResource + ' ' + request.kind.kind",
                }, {"expression": "object.kind != 'ConfigMap'"}]
            },
        )  # fmt: skip
        await policies.until(422, config_map("a"))
        three = {"spec": {"replicas": 3}}
        answer = await api.send("PATCH", f"{deployments}/a/scale", three, MERGE)
        assert answer.json["message"].endswith("denied request: scale Scale")
        assert (await api.send("PATCH", f"{deployments}/a", three, MERGE)).status == 200


async def test_mutations_are_validated(api: Api, namespace: str) -> None:
    async with policies_of(api, namespace) as policies:
        expression = "Object{metadata: Object.metadata{labels: {'made-by': 'policy'}}}"
        mutation = {
            "patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression},
        }  # fmt: skip
        await policies.make("mutating", {"mutations": [mutation]})
        rule = {"expression": "object.metadata.?labels['made-by'].orValue('') == 'none'"}
        await policies.make("validating", {"validations": [rule]})
        await policies.until(422, config_map("a"))
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await api.post(
                    f"{policies.maps}?dryRun=All",
                    config_map("a", metadata={"labels": {"made-by": "none"}}),
                )
                if answer.status == 422:
                    break
        assert answer.json["message"].endswith("failed expression: " + rule["expression"])


BROKEN = {
    "object.spec.replicas >": "Syntax error: mismatched input '<EOF>'",
    "params.x == 1": "undeclared reference to 'params' (in container '')",
    "'text'": "must evaluate to bool but got string",
    "request.nothing == 1": "undefined field 'nothing'",
}


@pytest.mark.parametrize("expression", BROKEN)
async def test_what_does_not_compile_is_refused(api: Api, expression: str) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "broken"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": expression}],
        },
    }  # fmt: skip
    answer = await api.post(f"{GROUP}/validatingadmissionpolicies", policy)
    assert answer.status == 422
    [cause] = answer.json["details"]["causes"]
    assert cause["field"] == "spec.validations[0].expression"
    assert BROKEN[expression] in cause["message"]
