"""CustomResourceDefinitions of the size and shape of those of well-known operators.

They are made, not copied. Parts of Pods come from the published definitions of Kubernetes, inlined
as controller-gen does it: the result has thousands of schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from tests.definitions import crd, with_schema

Schema = dict[str, Any]

_VERSION = "v1.36.0-local"
_REFERENCE = "#/$defs/"
_INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+"
    r"(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_SPECIAL: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {**_INT_OR_STRING, "pattern": _QUANTITY},
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {
        "type": "object", "properties": {
            "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "name": {"type": "string"}, "namespace": {"type": "string"},
        },
    },
}  # fmt: skip
_KEPT = (
    "description", "type", "format", "required", "enum", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
)  # fmt: skip
_TEXT: Schema = {"type": "string"}
_META: Schema = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}}


def inlined(name: str) -> Schema:
    """Return a definition of Kubernetes, ``io.k8s.api.core.v1.PodSpec``, without references."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    return _inlined(_definitions()[name])


def _inlined(definition: Mapping[str, Any]) -> Schema:
    if "$ref" in definition:
        found = inlined(definition["$ref"].removeprefix(_REFERENCE))
        text = definition.get("description")
        return {**found, "description": text} if text else found
    schema: Schema = {key: definition[key] for key in _KEPT if key in definition}
    if isinstance(schema.get("type"), list):
        schema["type"] = next(each for each in schema["type"] if each != "null")
    if "items" in definition:
        schema["items"] = _inlined(definition["items"])
    if isinstance(definition.get("additionalProperties"), dict):
        schema["additionalProperties"] = _inlined(definition["additionalProperties"])
    if "properties" in definition:
        members = definition["properties"].items()
        schema["properties"] = {name: _inlined(member) for name, member in members}
    if schema.get("x-kubernetes-list-type") == "map":
        # A key must be required, or have a default.
        item = schema["items"]
        keys = [key for key in schema["x-kubernetes-list-map-keys"] if key in item["properties"]]
        missing = [key for key in keys if key not in item.get("required", [])]
        schema["items"] = {**item, "required": [*item.get("required", []), *missing]}
    return schema


def _operated(
    group: str, plural: str, kind: str, versions: Mapping[str, Schema], **spec: Any
) -> Schema:
    """Return a definition; the last version is stored, and all have a status."""
    *_, stored = versions
    columns = [
        {"name": "Ready", "type": "string", "jsonPath": _READY},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    made = (
        with_schema(
            schema,
            name=name,
            storage=name == stored,
            subresources={"status": {}},
            additionalPrinterColumns=columns,
        )
        for name, schema in versions.items()
    )
    return crd(group, plural, kind, *made, names={"categories": [group.split(".")[0]]}, **spec)


_READY = '.status.conditions[?(@.type=="Ready")].status'
_CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": _TEXT,
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": _TEXT,
        "message": _TEXT,
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64"},
    },
}
_STATUS: Schema = {
    "type": "object",
    "properties": {
        "conditions": {
            "type": "array",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}


def _whole(spec: Schema, status: Schema = _STATUS) -> Schema:
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {**_META, "spec": spec, "status": status},
    }


_REFERENCE_TO: Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": _TEXT, "kind": _TEXT, "group": _TEXT},
}


def certificate() -> Schema:
    """Return a definition like that of cert-manager's Certificates: defaults, enums, formats."""
    spec: Schema = {
        "type": "object",
        "required": ["issuerRef", "secretName"],
        "properties": {
            "commonName": {"type": "string", "maxLength": 64},
            "dnsNames": {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "atomic"},
            "duration": _TEXT,
            "isCA": {"type": "boolean"},
            "issuerRef": _REFERENCE_TO,
            "keystores": {
                "type": "object",
                "properties": {
                    "jks": {
                        "type": "object",
                        "required": ["create"],
                        "properties": {
                            "create": {"type": "boolean"},
                            "alias": _TEXT,
                            "passwordSecretRef": _REFERENCE_TO,
                        },
                        "oneOf": [
                            {"required": ["alias"]},
                            {"required": ["passwordSecretRef"]},
                        ],
                    },
                },
            },
            "privateKey": {
                "type": "object",
                "default": {},
                "properties": {
                    "algorithm": {"type": "string", "enum": ["RSA", "ECDSA", "Ed25519"]},
                    "rotationPolicy": {
                        "type": "string", "enum": ["Never", "Always"], "default": "Always",
                    },
                    "size": {"type": "integer", "minimum": 0, "maximum": 8192},
                },
            },
            "renewBeforePercentage": {"type": "integer", "format": "int32"},
            "secretName": {"type": "string", "minLength": 1},
            "secretTemplate": {
                "type": "object",
                "properties": {
                    "labels": {"type": "object", "additionalProperties": _TEXT},
                },
            },
            "usages": {"type": "array", "items": {"type": "string", "enum": ["any", "signing"]}},
        },
    }  # fmt: skip
    selectable = [{"jsonPath": ".spec.secretName"}, {"jsonPath": ".spec.issuerRef.name"}]
    document = _operated("certs.example.com", "certificates", "Certificate", {"v1": _whole(spec)})
    document["spec"]["versions"][0]["selectableFields"] = selectable
    return document


def issuer() -> Schema:
    """Return a definition like that of cert-manager's Issuers: choices, and parts of Pods."""
    pod = "io.k8s.api.core.v1."
    template: Schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "affinity": inlined(f"{pod}Affinity"),
                    "tolerations": {"type": "array", "items": inlined(f"{pod}Toleration")},
                    "securityContext": inlined(f"{pod}PodSecurityContext"),
                    "resources": inlined(f"{pod}ResourceRequirements"),
                },
            },
        },
    }
    dns: Schema = {
        "type": "object",
        "properties": {
            name: {"type": "object", "properties": {"zone": _TEXT, "secret": _REFERENCE_TO}}
            for name in ("azure", "route", "cloud", "webhook")
        },
        "minProperties": 1,
        "maxProperties": 1,
    }
    dns["properties"]["webhook"]["properties"]["config"] = {
        "x-kubernetes-preserve-unknown-fields": True
    }
    solver: Schema = {
        "type": "object",
        "properties": {
            "dns01": dns,
            "http01": {"type": "object", "properties": {"podTemplate": template}},
        },
        "oneOf": [{"required": ["dns01"]}, {"required": ["http01"]}],
    }
    acme: Schema = {
        "type": "object",
        "required": ["server"],
        "properties": {
            "server": {"type": "string", "format": "uri"},
            "email": {"type": "string", "format": "email"},
            "caBundle": {"type": "string", "format": "byte"},
            "solvers": {"type": "array", "items": solver},
        },
    }
    spec: Schema = {
        "type": "object",
        "properties": {"acme": acme, "selfSigned": {"type": "object"}},
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return _operated("certs.example.com", "issuers", "Issuer", {"v1": _whole(spec)})


def prometheus(copies: int = 1) -> Schema:
    """Return a definition like that of the Prometheus operator: several whole Pods in it.

    It is about ``copies`` times 400 KB.
    """
    pod = "io.k8s.api.core.v1."
    spec: Schema = {
        "type": "object",
        "properties": {
            "replicas": {"type": "integer", "format": "int32", "default": 1},
            "retention": {"type": "string", "pattern": "^(0|(([0-9]+)y)?(([0-9]+)d)?)$"},
            "externalLabels": {"type": "object", "additionalProperties": _TEXT},
            "listenPort": _INT_OR_STRING,
            **{f"pod{number}": inlined(f"{pod}PodSpec") for number in range(copies)},
        },
    }
    document = _operated("mon.example.com", "prometheuses", "Prometheus", {"v1": _whole(spec)})
    document["spec"]["versions"][0]["subresources"]["scale"] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
    }
    return document


def undescribed(value: Any) -> Any:
    """Return a document without the descriptions in its schemas."""
    if isinstance(value, list):
        return [undescribed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: undescribed(each)
        for name, each in value.items()
        if name != "description" or not isinstance(each, str)
    }


@cache
def _definitions() -> Mapping[str, Any]:
    package = find_spec("kubernetes_validate")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0], "kubernetes-json-schema")
    data = (folder / _VERSION / "_definitions.json").read_bytes()
    definitions: dict[str, Any] = orjson.loads(data)["$defs"]
    return definitions
