"""ConfigMap."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid, too_long
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.datakeys import (
    MAX_SIZE,
    decoded_size,
    validate_immutable_data,
    validate_keys,
)
from apiserver.resources.builtin.parts.names import config_key_problems
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy

_OVERLAP = "duplicate of key present in binaryData"


def _cells(document: Object) -> list[Any]:
    return [len(document.get("data") or ()) + len(document.get("binaryData") or ())]


class ConfigMapStrategy(Strategy):
    """A ConfigMap holds texts and bytes under different keys, a mebibyte at most."""

    printer = aged((Column("Data", source="api.core.v1.ConfigMap.data"),), _cells)

    def validate(self, document: Object) -> list[FieldError]:
        data, binary = document.get("data") or {}, document.get("binaryData") or {}
        errors = []
        size = decoded_size(binary)
        for key, value in data.items():
            problems = config_key_problems(key)
            if key in binary:
                problems.append(_OVERLAP)
            errors += [invalid(f"data[{key}]", key, problem) for problem in problems]
            size += len(value.encode())
        errors += validate_keys(binary, "binaryData")
        if size > MAX_SIZE:
            errors.append(too_long("", MAX_SIZE))
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *validate_immutable_data(document, old, "data", "binaryData"),
            *self.validate(document),
        ]


STRATEGY = ConfigMapStrategy
