"""What policies cost: ``python -m tests.bench.bench_policies``.

Microseconds of one processor for a write, and the budget for it: without a policy, with a policy of
five expressions that is obeyed or violated, and with one that changes the object.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, Final

from apiserver.machinery.errors import StatusError
from tests.unit.registry.policies import Policies, policies_in_memory

_ROUNDS: Final = 5
_WRITES: Final = 1000
_RULES: Final = [
    {"expression": expression, "messageExpression": "'not so: ' + object.metadata.name"}
    for expression in (
        "object.spec.replicas <= 5",
        "object.metadata.name.startsWith('w')",
        "object.spec.template.spec.containers.all(c, has(c.image) && c.image.contains(':'))",
        "!has(object.spec.template.spec.hostNetwork) || !object.spec.template.spec.hostNetwork",
        "request.userInfo.username != 'bob' && request.operation in ['CREATE', 'UPDATE']",
    )
]
_CONTAINERS: Final = [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}]
_MUTATION: Final = {
    "patchType": "JSONPatch",
    "jsonPatch": {"expression": "[JSONPatch{op: 'add', path: '/data', value: {'a': 'b'}}]"},
}


def _document(name: str) -> dict[str, Any]:
    spec = {"replicas": 3, "template": {"spec": {"containers": _CONTAINERS}}}
    return {"metadata": {"name": name, "namespace": "n", "labels": {"a": "b"}}, "spec": spec}


async def _measured(policies: Policies, name: str) -> float:
    """Return the microseconds of one write, the best of several rounds."""
    document, best = _document(name), float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_WRITES):
            try:
                await policies.create(document)
            except StatusError:
                continue
        best = min(best, time.process_time() - start)
    return best / _WRITES * 1e6


async def _measure() -> bool:
    rows = []
    async with policies_in_memory() as policies:
        rows.append(("no policy", await _measured(policies, "web"), 10.0))
        policies.validate_by({"validations": _RULES})
        rows.append(("five expressions, obeyed", await _measured(policies, "web"), 150.0))
        rows.append(("five expressions, violated", await _measured(policies, "db"), 250.0))
    async with policies_in_memory() as policies:
        policies.mutate_by({"mutations": [_MUTATION]})
        rows.append(("a mutation", await _measured(policies, "web"), 250.0))
    for name, microseconds, budget in rows:
        sys.stdout.write(f"{name:30} {microseconds:8.1f} us   budget {budget:5.0f} us\n")
    return all(microseconds <= budget for _, microseconds, budget in rows)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(_measure()) else 1)
