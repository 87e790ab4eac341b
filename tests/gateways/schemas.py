"""Parts of the schemas of the Gateway API."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

GROUP: Final = "gateway.networking.k8s.io"
DNS: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
RULES: Final = "x-kubernetes-validations"


def text(longest: int = 253, shortest: int = 1, **more: Any) -> Schema:
    return {"type": "string", "minLength": shortest, "maxLength": longest, **more}


def enum(*values: str, **more: Any) -> Schema:
    return {"type": "string", "enum": list(values), **more}


def an_object(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def a_list(items: Schema, most: int, **more: Any) -> Schema:
    return {"type": "array", "items": items, "maxItems": most, **more}


def a_map(items: Schema, most: int, *keys: str) -> Schema:
    extensions = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    return {**a_list(items, most), **extensions}


def ruled(schema: Schema, *rules: tuple[str, str]) -> Schema:
    return {**schema, RULES: [{"rule": rule, "message": message} for rule, message in rules]}


NAME: Final = text()
NAMESPACE: Final = text(63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
KIND: Final = text(63, pattern=r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")
API_GROUP: Final = {"type": "string", "maxLength": 253, "pattern": rf"^$|^{DNS}$"}
SECTION: Final = text(pattern=rf"^{DNS}$")
HOSTNAME: Final = text(pattern=rf"^(\*\.)?{DNS}$")
PRECISE_HOSTNAME: Final = text(pattern=rf"^{DNS}$")
PORT: Final = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
DURATION: Final = {"type": "string", "pattern": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"}
HEADER_NAME: Final = text(256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$")
_CONDITION: Final = an_object(
    ("lastTransitionTime", "message", "reason", "status", "type"),
    lastTransitionTime={"type": "string", "format": "date-time"},
    message={"type": "string", "maxLength": 32768},
    observedGeneration={"type": "integer", "format": "int64", "minimum": 0},
    reason=text(1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
    status=enum("True", "False", "Unknown"),
    type={
        "type": "string",
        "maxLength": 316,
        "pattern": rf"^({DNS}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
    },
)


def conditions(*pending: str) -> Schema:
    waiting = {
        "lastTransitionTime": "1970-01-01T00:00:00Z",
        "message": "Waiting for controller",
        "reason": "Pending",
        "status": "Unknown",
    }
    default = [{**waiting, "type": each} for each in pending]
    return {**a_map(_CONDITION, 8, "type"), **({"default": default} if default else {})}
