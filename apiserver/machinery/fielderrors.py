"""Field errors, with paths and texts as in Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from apiserver.machinery.quoting import quote, show
from apiserver.machinery.valueclasses import valueclass


@valueclass
class FieldError:
    """A violated rule: its type, the path of the field, and the text without the path."""

    reason: str
    field: str
    body: str

    def __str__(self) -> str:
        return f"{self.field or '[]'}: {self.body}"

    def cause(self) -> dict[str, str]:
        """Return the StatusCause of this error."""
        return {
            "reason": self.reason,
            "message": self.body,
            "field": self.field or "[]",
        }


@valueclass
class RatchetedError(FieldError):
    """An error in a part that an update does not change: it becomes a warning."""


def aggregate(errors: Sequence[FieldError]) -> str:
    """Join errors as one message: a single one as it is, several in brackets."""
    return joined(str(error) for error in errors)


def joined(messages: Iterable[str]) -> str:
    """Join the messages of errors as those of an aggregate: several in brackets, none twice."""
    texts = list(dict.fromkeys(messages))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def required(field: str, detail: str = "") -> FieldError:
    """Return the error of a missing field."""
    return FieldError("FieldValueRequired", field, _with("Required value", detail))


def invalid(field: str, value: Any, detail: str = "") -> FieldError:
    """Return the error of an invalid value."""
    return FieldError("FieldValueInvalid", field, _with(f"Invalid value: {show(value)}", detail))


def type_invalid(field: str, value: Any, detail: str = "") -> FieldError:
    """Return the error of a value of the wrong type."""
    return FieldError(
        "FieldValueTypeInvalid", field, _with(f"Invalid value: {show(value)}", detail)
    )


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """Return the error of a value that is not one of ``supported``, listed in that order."""
    choices = ", ".join(quote(choice) for choice in supported)
    body = f"Unsupported value: {show(value)}"
    return FieldError(
        "FieldValueNotSupported",
        field,
        f"{body}: supported values: {choices}" if choices else body,
    )


def forbidden(field: str, detail: str) -> FieldError:
    """Return the error of a field that may not be set or changed."""
    return FieldError("FieldValueForbidden", field, _with("Forbidden", detail))


def duplicate(field: str, value: Any) -> FieldError:
    """Return the error of a value that must be unique."""
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {show(value)}")


def not_found(field: str, value: Any) -> FieldError:
    """Return the error of a reference to something that does not exist."""
    return FieldError("FieldValueNotFound", field, f"Not found: {show(value)}")


def too_long(field: str, limit: int) -> FieldError:
    """Return the error of a text of more than ``limit`` bytes."""
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def too_many(field: str, count: int, limit: int) -> FieldError:
    """Return the error of a list of more than ``limit`` items."""
    items = "item" if limit == 1 else "items"
    body = f"Too many: {count}: must have at most {limit} {items}"
    return FieldError("FieldValueTooMany", field, body)


def internal(field: str, detail: str) -> FieldError:
    """Return the error of a rule that could not be checked."""
    return FieldError("InternalError", field, _with("Internal error", detail))


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text
