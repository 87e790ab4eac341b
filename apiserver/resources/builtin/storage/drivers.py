"""Common rules of ``storage.k8s.io``: provisioners and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid, required, too_long
from apiserver.machinery.names import label_key_problems

_MAX_PARAMETERS: Final = 512
_LARGEST_PARAMETERS: Final = 256 * 1024


def validate_provisioner(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not a qualified name."""
    if not name:
        return [required(path)]
    # Kubernetes shows the name in the form that it validates.
    lower = name.lower()
    return [invalid(path, lower, problem) for problem in label_key_problems(lower)]


def validate_parameters(parameters: Mapping[str, str], path: str) -> list[FieldError]:
    """Reject too many parameters, and those without a name."""
    if len(parameters) > _MAX_PARAMETERS:
        return [too_long(path, _MAX_PARAMETERS)]
    errors = [invalid(path, key, "field can not be empty.") for key in parameters if not key]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    return [*errors, too_long(path, _LARGEST_PARAMETERS)] if size > _LARGEST_PARAMETERS else errors
