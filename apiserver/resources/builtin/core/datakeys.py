"""The common rules of ConfigMaps and Secrets: keys, size limit, immutability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.names import config_key_problems

MAX_SIZE: Final = 1024 * 1024
_IMMUTABLE: Final = "field is immutable when `immutable` is set"


def validate_keys(data: Mapping[str, str], member: str) -> list[FieldError]:
    """Reject invalid keys."""
    return [
        invalid(f"{member}[{key}]", key, problem)
        for key in data
        for problem in config_key_problems(key)
    ]


def decoded_size(data: Mapping[str, str | None]) -> int:
    """Return the total size in bytes of the decoded base64 values."""
    return sum(len(value) * 3 // 4 - value[-2:].count("=") for value in data.values() if value)


def validate_immutable_data(document: Object, old: Object, *members: str) -> list[FieldError]:
    """Reject changes of an object that is marked ``immutable``."""
    if not old.get("immutable"):
        return []
    errors = []
    if not document.get("immutable"):
        errors.append(forbidden("immutable", _IMMUTABLE))
    errors += [
        forbidden(member, _IMMUTABLE)
        for member in members
        if (document.get(member) or {}) != (old.get(member) or {})
    ]
    return errors
