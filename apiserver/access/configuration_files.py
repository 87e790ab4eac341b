"""Configuration files of the server in the form of Kubernetes objects.

They are strict: an unknown member, or a value of the wrong type, refuses the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields

from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_yaml
from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.quoting import quote

GROUP: Final = "apiserver.config.k8s.io"
_UNKNOWN: Final = "Unknown field."


class ConfigurationError(ValueError):
    """A configuration file cannot be used; the message says why."""


class StrictSchema(Schema):
    """The members of a part of a configuration file, and no others."""

    class Meta:
        """A member that does not exist is an error."""

        unknown = RAISE


class Text(fields.String):
    """A string; ``null`` is the empty one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(load_default="", allow_none=True, **kwargs)

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super().deserialize("" if value is None else value, *args, **kwargs)


class Duration(fields.Field[float]):
    """A duration in Go's syntax, as seconds."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            return parse_duration(value if isinstance(value, str) else "")
        except DurationError as error:
            raise ValidationError(str(error)) from error


def load_configuration(
    data: bytes, kind: str, versions: Mapping[str, StrictSchema], group: str = GROUP
) -> Any:
    """Return the file parsed by the schema of its version. Raises ConfigurationError.

    ``versions`` are the versions of ``kind``, in ``group``, with their schemas.
    """
    try:
        document, duplicates = parse_yaml(data)
    except (DocumentError, RequestEntityTooLarge) as error:
        raise ConfigurationError(str(error)) from error
    if duplicates:
        raise ConfigurationError(" ".join(duplicates[0].split()))
    if not isinstance(document, dict) or not document:
        raise ConfigurationError("empty configuration")
    api_version, found = document.pop("apiVersion", None), document.pop("kind", None)
    found_group, _, version = str(api_version or "").rpartition("/")
    if found != kind or found_group != group or version not in versions:
        raise ConfigurationError(
            f"no kind {quote(str(found or ''))} is registered for version "
            f"{quote(str(api_version or ''))}"
        )
    try:
        return versions[version].load(document)
    except ValidationError as error:
        problems = ", ".join(_problems(error.messages, ""))
        raise ConfigurationError(f"strict decoding error: {problems}") from error


def _problems(messages: Any, path: str) -> Iterator[str]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}"
            yield from _problems(inner, path if name == "_schema" else path + step)
        return
    where = path.removeprefix(".")
    for text in messages:
        yield f"unknown field {quote(where)}" if text == _UNKNOWN else f"{where}: {text}"
