"""The conditions under which an authorization webhook is asked: expressions about ``request``.

``request`` is the spec of the SubjectAccessReview, with all texts present, empty ones included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.cel.compilation import Environment, Program
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.errors import CompileError, EvaluationError

_SELECTOR: Final = {"rawSelector": "string", "requirements": "list<SelectorRequirement>"}
_RESOURCE: Final = (
    "namespace", "verb", "group", "version", "resource", "subresource", "name",
)  # fmt: skip
_MESSAGES: Final = {
    "SelectorRequirement": {"key": "string", "operator": "string", "values": "list<string>"},
    "FieldSelectorAttributes": _SELECTOR,
    "LabelSelectorAttributes": _SELECTOR,
    "ResourceAttributes": {
        **dict.fromkeys(_RESOURCE, "string"),
        "fieldSelector": "FieldSelectorAttributes", "labelSelector": "LabelSelectorAttributes",
    },
    "NonResourceAttributes": {"path": "string", "verb": "string"},
    "SubjectAccessReviewSpec": {
        "resourceAttributes": "ResourceAttributes",
        "nonResourceAttributes": "NonResourceAttributes",
        "user": "string", "groups": "list<string>", "extra": "map<string,list<string>>",
        "uid": "string",
    },
}  # fmt: skip


class ReviewConditionError(Exception):
    """A condition could not be evaluated, and no other one is false."""


class ReviewConditions:
    """Conditions that must all be true."""

    def __init__(self) -> None:
        self._environment = Environment(
            SchemaTypes(None, messages=_MESSAGES), {"request": "SubjectAccessReviewSpec"}
        )
        self._programs: list[tuple[str, Program]] = []

    def add(self, source: str) -> None:
        """Add a condition. Raises CompileError."""
        program = self._environment.compile(source)
        if program.type != "bool":
            raise CompileError(f"must evaluate to bool but got {program.type}")
        self._programs.append((source, program))

    def match(self, spec: dict[str, Any]) -> bool:
        """Return whether all conditions are true of the spec of a review.

        Raises ReviewConditionError, unless a condition is false: then errors do not count.
        """
        variables = {"request": _with_all_texts(spec)}
        errors = []
        for source, program in self._programs:
            try:
                if program.evaluate(variables)[0] is not True:
                    return False
            except EvaluationError as error:
                errors.append(
                    f"cel evaluation error: expression '{source}' resulted in error: {error}"
                )
        if errors:
            raise ReviewConditionError(_joined(errors))
        return True


def _with_all_texts(spec: dict[str, Any]) -> dict[str, Any]:
    request = {"user": "", "groups": [], "extra": {}, "uid": "", **spec}
    for member, names in (("resourceAttributes", _RESOURCE), ("nonResourceAttributes", _PATH)):
        if member in request:
            request[member] = {**dict.fromkeys(names, ""), **request[member]}
    return request


_PATH: Final = ("path", "verb")


def _joined(errors: Sequence[str]) -> str:
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
