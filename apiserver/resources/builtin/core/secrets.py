"""Secret."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

import orjson

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_long
from apiserver.machinery.jsonsyntax import syntax_error
from apiserver.machinery.legacytokens import ACCOUNT_NAME, TOKEN_TYPE
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.datakeys import (
    MAX_SIZE,
    decoded_size,
    validate_immutable_data,
    validate_keys,
)
from apiserver.resources.builtin.fields import paths
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy

OPAQUE: Final = "Opaque"
BASIC_AUTH: Final = "kubernetes.io/basic-auth"
_REDACTED: Final = "<secret contents redacted>"

# What a type of Secret must hold; the values may be empty.
_SSH_AUTH: Final = "kubernetes.io/ssh-auth"
_SSH_KEY: Final = "ssh-privatekey"
_TLS: Final = "kubernetes.io/tls"
_TLS_KEYS: Final = ("tls.crt", "tls.key")
_JSON_KEY: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def _cells(document: Object) -> list[Any]:
    return [document.get("type", ""), len(document.get("data") or ())]


class SecretStrategy(Strategy):
    """A Secret holds bytes; its type is immutable. ``stringData`` accepts plain text."""

    fields = paths("type")
    printer = aged(
        (
            Column("Type", source="api.core.v1.Secret.type"),
            Column("Data", source="api.core.v1.Secret.data"),
        ),
        _cells,
    )

    def default(self, document: Object) -> None:
        texts = document.pop("stringData", None)
        if texts:
            data = document.setdefault("data", {})
            data.update({key: b64encode(text.encode()).decode() for key, text in texts.items()})
        if not document.get("type"):
            document["type"] = OPAQUE

    def validate(self, document: Object) -> list[FieldError]:
        data = document.get("data") or {}
        errors = validate_keys(data, "data")
        if decoded_size(data) > MAX_SIZE:
            errors.append(too_long("data", MAX_SIZE))
        return errors + _validate_type(document, data)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = []
        if document.get("type") != old.get("type"):
            errors.append(invalid("type", document.get("type"), "field is immutable"))
        errors += validate_immutable_data(document, old, "data")
        return [*errors, *self.validate(document)]

    def warnings_on_create(self, document: Object) -> list[str]:
        if document.get("type") != _TLS:
            return []
        from apiserver.resources.builtin.core.keypairs import key_pair_problem

        data = document.get("data") or {}
        problem = key_pair_problem(*(b64decode(data.get(key) or "") for key in _TLS_KEYS))
        return [problem] if problem else []


def _validate_type(document: Object, data: dict[str, str | None]) -> list[FieldError]:
    type_ = document.get("type", "")
    if type_ == TOKEN_TYPE:
        annotations = document["metadata"].get("annotations") or {}
        named = annotations.get(ACCOUNT_NAME)
        return [] if named else [required(f"metadata.annotations[{ACCOUNT_NAME}]")]
    if type_ == BASIC_AUTH:
        keys = ("username", "password")
        return [] if any(key in data for key in keys) else [required(f"data[{k}]") for k in keys]
    if type_ in _JSON_KEY:
        return _validate_json(data, _JSON_KEY[type_])
    if type_ == _SSH_AUTH:
        # Other keys may be empty, but must exist.
        return [] if data.get(_SSH_KEY) else [required(f"data[{_SSH_KEY}]")]
    if type_ == _TLS:
        return [required(f"data[{key}]") for key in _TLS_KEYS if key not in data]
    return []


def _validate_json(data: dict[str, str | None], key: str) -> list[FieldError]:
    if key not in data:
        return [required(f"data[{key}]")]
    text = b64decode(data[key] or "").decode(errors="replace")
    problem = syntax_error(text)
    if problem is None:
        value = orjson.loads(text)
        if value is None or isinstance(value, dict):
            return []
        kind = {str: "string", list: "array", bool: "bool"}.get(type(value), "number")
        problem = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    return [invalid(f"data[{key}]", _REDACTED, problem)]


STRATEGY = SecretStrategy
