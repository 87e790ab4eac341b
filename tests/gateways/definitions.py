"""CustomResourceDefinitions of the size of those of the Gateway API, with rules like theirs.

They are written after its documentation: defaults, patterns, unions by a type, lists that are maps,
and rules in CEL over parts of other parts. Every kind has two versions of one form.
"""

from __future__ import annotations

from typing import Any, Final

from tests.gateways.gateways import gateway, gateway_class
from tests.gateways.routes import http_route
from tests.gateways.schemas import (
    GROUP,
    RULES,
    Schema,
)

#: Groups of Kubernetes need it.
_APPROVED: Final = {
    "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2997"
}


def _defined(plural: str, kind: str, scope: str, schema: Schema) -> Schema:
    identity = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    whole = {**schema, "properties": {**identity, **schema["properties"]}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "annotations": _APPROVED},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"plural": plural, "kind": kind, "categories": ["gateway-api"]},
            "versions": [
                {
                    "name": name,
                    "served": True,
                    "storage": name == "v1",
                    "schema": {"openAPIV3Schema": whole},
                    "subresources": {"status": {}},
                }
                for name in ("v1", "v1beta1")
            ],
        },
    }


def gateway_definitions() -> dict[str, Schema]:
    """Return the definitions, by kind."""
    return {
        "GatewayClass": _defined("gatewayclasses", "GatewayClass", "Cluster", gateway_class()),
        "Gateway": _defined("gateways", "Gateway", "Namespaced", gateway()),
        "HTTPRoute": _defined("httproutes", "HTTPRoute", "Namespaced", http_route()),
    }


def schema_of(definition: Schema) -> Schema:
    """Return the schema of the stored version."""
    schema: Schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def rules_in(schema: Any) -> int:
    """Return how many rules a schema has."""
    if isinstance(schema, list):
        return sum(map(rules_in, schema))
    if not isinstance(schema, dict):
        return 0
    return len(schema.get(RULES, ())) + sum(map(rules_in, schema.values()))
