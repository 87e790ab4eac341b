"""Rules that run for long do not block other requests."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.definitions import crd, with_schema
from tests.unit.server.in_process import InProcess
from tests.waiting import eventually

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATH = "/apis/example.com/v1/namespaces/default/sums"
# Three loops inside each other: the number of steps is the third power of the number of items.
RULE = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"


def definition() -> dict[str, Any]:
    items = {
        "type": "array", "maxItems": 40, "items": {"type": "integer"},
        "x-kubernetes-validations": [{"rule": RULE}],
    }  # fmt: skip
    schema = {"type": "object", "properties": {"items": items}}
    return crd("example.com", "sums", "Sum", with_schema(schema))


async def test_others_are_answered_while_rules_are_evaluated(api: InProcess) -> None:
    created = await api.ask("POST", CRDS, definition())
    assert created.status == 201, created.body

    async def served() -> bool:
        answer = await api.ask("GET", PATH)
        return answer.status == 200

    await eventually(served)
    body = {
        "apiVersion": "example.com/v1", "kind": "Sum", "metadata": {"name": "a"},
        "items": list(range(40)),
    }  # fmt: skip
    slow = asyncio.create_task(api.ask("POST", PATH, body))
    answered = 0
    while not slow.done():
        assert (await api.get("/api/v1/namespaces/default")).status == 200
        answered += 1
    assert (await slow).status in (201, 422)
    assert answered > 5
