"""The Scale of a custom kind: the fields that ``subresources.scale`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.errors import BadRequest, InternalError, UnknownError
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import go_type, go_value, quote
from apiserver.resources.scaling import desired_of

_MAX_REPLICAS: Final = (1 << 31) - 1
#: The desired replicas of a Scale whose object has none. A client never sends it.
_UNSET: Final = -(1 << 31)


class WrongType(ValueError):
    """A field that the Scale needs has another type; the text is Go's, ``empty`` its zero value."""

    def __init__(self, path: str, value: Any, expected: str, empty: Any) -> None:
        super().__init__(
            f"{path} accessor error: {go_value(value)} is of the type {go_type(value)}, "
            f"expected {expected}"
        )
        self.empty = empty


class ScalePaths:
    """`apiserver.resources.scaling.Scaling` of one version of a custom kind.

    ``declared`` is its ``subresources.scale``; ``paths`` has the specReplicasPath of every version,
    by apiVersion, ``""`` for a version without a scale.
    """

    def __init__(self, declared: Mapping[str, Any], paths: Mapping[str, str]) -> None:
        self._spec: str = declared["specReplicasPath"]
        self._status: str = declared["statusReplicasPath"]
        self._selector: str = declared.get("labelSelectorPath") or ""
        self._paths = {version: names_of(path) for version, path in paths.items()}

    @property
    def replicas_path(self) -> tuple[str, ...]:
        """The path of the desired replicas in an object."""
        return names_of(self._spec)

    def replicas_paths(self, api_version: str) -> Mapping[str, tuple[str, ...]]:
        """Return the path of the desired replicas in each version of the kind."""
        return self._paths

    def check(self, document: Object) -> None:
        """Raise InternalError if the object has no desired replicas to show."""
        if self.desired(document) == _UNSET:
            raise InternalError(f"the spec replicas field {quote(self._spec)} does not exist")

    def desired(self, document: Object) -> int:
        """Return the desired replicas. Raises UnknownError if the field is not a number."""
        found = _read(document, self._spec, _integer)
        return _UNSET if found is None else _int32(found)

    def current(self, document: Object) -> int:
        """Return the current replicas. Raises UnknownError if the field is not a number."""
        return _int32(_read(document, self._status, _integer) or 0)

    def selector(self, document: Object) -> str:
        """Return the label selector. Raises UnknownError if the field is not a text."""
        return (_read(document, self._selector, _text) if self._selector else None) or ""

    def validate(self, scale: Object) -> list[FieldError]:
        """Raise BadRequest for a Scale without replicas; the object is validated afterwards."""
        if desired_of(scale) == _UNSET:
            raise BadRequest(f"the spec replicas field {quote(self._spec)} cannot be empty")
        return []

    def spec_errors(self, document: Object) -> list[FieldError]:
        """Validate the desired replicas in an object."""
        return _replicas_errors(document, self._spec)

    def status_errors(self, document: Object) -> list[FieldError]:
        """Validate the current replicas and the label selector in an object."""
        errors = _replicas_errors(document, self._status)
        if self._selector:
            try:
                _text(document, self._selector)
            except WrongType as error:
                errors.append(invalid(self._selector, error.empty, str(error)))
        return errors


def names_of(path: str) -> tuple[str, ...]:
    """Return the members on a path such as ``.spec.replicas``."""
    return tuple(path.removeprefix(".").split(".")) if path else ()


def _replicas_errors(document: Object, path: str) -> list[FieldError]:
    try:
        replicas = _integer(document, path)
    except WrongType as error:
        return [invalid(path, error.empty, str(error))]
    if replicas is None or 0 <= replicas <= _MAX_REPLICAS:
        return []
    detail = (
        "should be a non-negative integer" if replicas < 0
        else f"should be less than or equal to {_MAX_REPLICAS}"
    )  # fmt: skip
    return [invalid(path, replicas, detail)]


def _read(document: Object, path: str, read: Any) -> Any:
    try:
        return read(document, path)
    except WrongType as error:
        raise UnknownError(str(error)) from error


def _integer(document: Object, path: str) -> int | None:
    value = _member(document, path, 0)
    if value is not None and type(value) is not int:
        raise WrongType(_shown(names_of(path)), value, "int64", 0)
    return value


def _text(document: Object, path: str) -> str | None:
    value = _member(document, path, "")
    if value is not None and not isinstance(value, str):
        raise WrongType(_shown(names_of(path)), value, "string", "")
    return value


def _member(document: Object, path: str, empty: Any) -> Any:
    value: Any = document
    names = names_of(path)
    for at, name in enumerate(names):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise WrongType(_shown(names[: at + 1]), value, "map[string]interface{}", empty)
        value = value.get(name)
    return value


def _shown(names: tuple[str, ...]) -> str:
    return "." + ".".join(names)


def _int32(number: int) -> int:
    return (number - _UNSET) % (1 << 32) + _UNSET
