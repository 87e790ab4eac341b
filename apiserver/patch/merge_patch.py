"""Merge patches: RFC 7396, with the differences of Kubernetes' library.

A null in the patch removes a member. Nulls are left out of new values, also in objects in lists,
but a null that is an item of a list is kept. A list that replaces an object is used unchanged.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from apiserver.machinery.valueclasses import valueclass
from apiserver.patch.errors import MalformedPatch
from apiserver.patch.reading import no_object, read

_DECODING: Final = "error decoding patch: "
_NO_PATCH: Final = "Invalid JSON Patch"


@valueclass
class MergePatch:
    """A merge patch, and its field validation errors.

    ``document`` is an object, or, without field validation, a list, which replaces everything.
    """

    document: Any
    problems: list[str] = field(default_factory=list)


def parse(body: bytes, *, validated: bool = True) -> MergePatch:
    """Read a merge patch; ``validated`` unless fieldValidation is Ignore. Raises MalformedPatch."""
    if not validated:
        try:
            document = read(body).document
        except MalformedPatch as error:
            raise MalformedPatch(_NO_PATCH) from error
        if not isinstance(document, dict | list):
            raise MalformedPatch(_NO_PATCH)
        return MergePatch(document)
    reading = read(body, _DECODING)
    if reading.document is None:
        raise MalformedPatch(_NO_PATCH)
    if not isinstance(reading.document, dict):
        raise MalformedPatch(_DECODING + no_object(reading.document))
    return MergePatch(reading.document, reading.duplicates)


def apply(document: dict[str, Any], patch: MergePatch) -> Any:
    """Return ``document`` after the patch; unchanged parts are shared."""
    if isinstance(patch.document, dict):
        return _merged(document, patch.document)
    return _pruned(patch.document)


def _merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    if not patch:
        return target
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
            continue
        current = result.get(name)
        if isinstance(current, dict):
            result[name] = _merged(current, value) if isinstance(value, dict) else value
        else:
            result[name] = _pruned(value)
    return result


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value
