"""How long an object with rules is validated: ``python -m tests.bench.bench_custom_validation``.

Microseconds of CPU for one object, the best of several rounds, with the size of its schema and the
number of its rules. What a schema of 500 lines with 20 rules may take is 2 ms.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import yaml

from apiserver.resources.custom.customkinds import stored_kind
from tests.gateways.definitions import gateway_definitions, rules_in, schema_of
from tests.unit.cluster import registry_in_memory, webhooks_of
from tests.unit.server.test_gateways import CLASS, GATEWAY, ROUTE

BUDGET = 2000
_ROUNDS, _TIMES = 7, 50


def cpu_of(work: Callable[[], object]) -> float:
    """Return the microseconds of CPU that work takes."""
    work()
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.process_time()
        for _ in range(_TIMES):
            work()
        best = min(best, time.process_time() - begun)
    return best / _TIMES * 1e6


def lines_of(schema: Any) -> int:
    """Return how many lines a schema has in YAML, with everything written out."""
    return len(yaml.safe_dump(json.loads(json.dumps(schema))).splitlines())


def large_route() -> dict[str, Any]:
    """Return a route with sixteen rules."""
    route = copy.deepcopy(ROUTE)
    route["spec"]["rules"] *= 16
    return route


async def main() -> None:
    """Print the figures."""
    definitions = gateway_definitions()
    print(f"{'object':24}{'lines':>8}{'rules':>8}{'us':>10}{'budget':>10}")
    async with registry_in_memory() as registry:
        for name, document in {
            "GatewayClass": CLASS,
            "Gateway": GATEWAY,
            "HTTPRoute": ROUTE,
            "HTTPRoute, 16 rules": large_route(),
        }.items():
            crd = copy.deepcopy(definitions[document["kind"]])
            crd["metadata"]["resourceVersion"] = "1"
            crd["spec"]["names"] |= {"listKind": f"{document['kind']}List", "singular": "x"}
            kind = stored_kind(crd, webhooks_of(registry))
            canonical = kind.types.decode_json(document).object
            whole = {"apiVersion": document["apiVersion"], "kind": document["kind"], **canonical}
            assert kind.strategy.validate(whole) == []
            taken = cpu_of(lambda kind=kind, whole=whole: kind.strategy.validate(whole))
            schema = schema_of(crd)
            row = f"{name:24}{lines_of(schema):8}{rules_in(schema):8}{taken:10.0f}{BUDGET:10}"
            print(row)


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
