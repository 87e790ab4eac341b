"""Configuration files: YAML documents of a known kind, validated by marshmallow.

Unknown fields and duplicate keys are errors, as for kube-apiserver's strict decoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields

from apiserver.machinery.documents import DocumentError, parse_yaml
from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.machinery.errors import StatusError
from apiserver.machinery.quoting import quote

T = TypeVar("T")


class ConfigurationError(ValueError):
    """A configuration is not valid; the message is one line."""


class ConfigurationSchema(Schema):
    """A schema of a configuration: unknown fields are errors, ``null`` is like an absent field."""

    class Meta:
        """Unknown fields are errors."""

        unknown = RAISE


class Duration(fields.Field[float]):
    """A duration in Go's syntax, in seconds."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            return parse_duration(str(value))
        except DurationError as error:
            raise ValidationError(str(error)) from error


def load_configuration(
    data: bytes, kind: str, api_versions: Sequence[str], schema: type[Schema]
) -> Any:
    """Return what ``schema`` makes of the document. Raises ConfigurationError."""
    document = _document(data)
    given = str(document.pop("apiVersion", "")), str(document.pop("kind", ""))
    if given[1] != kind or given[0] not in api_versions:
        expected = f"{kind} of {' or '.join(api_versions)}"
        raise ConfigurationError(f"expected {expected}, not {given[1] or 'a document without kind'}"
                                 f" of {given[0] or 'no apiVersion'}")  # fmt: skip
    try:
        return schema().load(_without_nulls(document))
    except ValidationError as error:
        raise ConfigurationError(_first(error.messages, "")) from error


def _document(data: bytes) -> dict[str, Any]:
    if not data.strip():
        raise ConfigurationError("the file is empty")
    try:
        document, duplicates = parse_yaml(data)
    except (DocumentError, StatusError) as error:
        raise ConfigurationError(" ".join(str(error).split())) from error
    if duplicates:
        raise ConfigurationError(" ".join(duplicates[0].split()))
    if not isinstance(document, dict):
        raise ConfigurationError("it is not a mapping")
    return document


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _first(messages: Any, path: str) -> str:
    """Return the first of marshmallow's messages, with the path of its field."""
    if isinstance(messages, list):
        text = str(messages[0])
        if text == "Unknown field.":
            return f"unknown field {quote(path)}"
        return f"{path}: {text.rstrip('.')}" if path else text
    name, inner = next(iter(messages.items()))
    if isinstance(name, int):
        return _first(inner, f"{path}[{name}]")
    if name == "_schema":
        return _first(inner, path)
    return _first(inner, f"{path}.{name}" if path else name)
