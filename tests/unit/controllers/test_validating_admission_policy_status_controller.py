"""The type checking results in the status of policies."""

from __future__ import annotations

import asyncio
from typing import Any

from apiserver.controllers.controller_manager import (
    ControllerOptions,
    build_manager,
    run_controllers,
)
from apiserver.controllers.validating_admission_policy_status_controller import POLICIES
from apiserver.registry.loopback import system_client
from tests.unit.cluster import registry_in_memory, webhooks_of
from tests.waiting import PATIENCE


def policy(*resources: str, **spec: Any) -> dict[str, Any]:
    rule = {
        "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["*"],
        "resources": list(resources),
    }  # fmt: skip
    return {
        "metadata": {"name": "p"},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, **spec},
    }


async def checked(document: dict[str, Any]) -> dict[str, Any]:
    async with registry_in_memory() as registry:
        client, ready = system_client(registry), asyncio.Event()
        ready.set()
        options = ControllerOptions(("*",))
        async with run_controllers(build_manager(options, registry, webhooks_of(registry)), ready):
            await client.create(POLICIES, document)
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = await client.get(POLICIES, "", "p")
                    if "typeChecking" in (found.get("status") or {}):
                        return dict(found["status"])
                    await asyncio.sleep(0)


async def test_nothing_against_it() -> None:
    variable = {"name": "n", "expression": "object.spec.template.spec.containers"}
    rules = [
        {"expression": "object.spec.replicas > 1 && variables.n.all(c, c.image.contains(':'))"},
        {"expression": "object.metadata.labels.all(k, k != '') && oldObject != object"},
    ]
    status = await checked(policy("deployments", variables=[variable], validations=rules))
    assert status == {"observedGeneration": 1, "typeChecking": {}}


async def test_warnings() -> None:
    rule = {
        "expression": "object.spec.replicas > 1 || params.data.x == 1",
        "messageExpression": "string(object.none)",
    }
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    document = policy("deployments", "pods", "*/scale", paramKind=kind, validations=[rule])
    status = await checked(document)
    mismatch = (
        "ERROR: <input>:1:43: found no matching overload for '_==_' applied to '(string, int)'\n"
        " | object.spec.replicas > 1 || params.data.x == 1\n"
        f" | {'.' * 42}^"
    )
    undefined = (
        "ERROR: <input>:1:14: undefined field 'none'\n | string(object.none)\n | .............^"
    )
    assert status["typeChecking"]["expressionWarnings"] == [
        {
            "fieldRef": "spec.validations[0].expression",
            "warning": "/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'\n"
            " | object.spec.replicas > 1 || params.data.x == 1\n"
            f" | ...........^\n{mismatch}\n\napps/v1, Kind=Deployment: {mismatch}\n",
        },
        {
            "fieldRef": "spec.validations[0].messageExpression",
            "warning": f"/v1, Kind=Pod: {undefined}\n\napps/v1, Kind=Deployment: {undefined}\n",
        },
    ]


async def test_wildcards_are_not_checked() -> None:
    status = await checked(policy("*", validations=[{"expression": "object.none == 1"}]))
    assert status["typeChecking"] == {}
