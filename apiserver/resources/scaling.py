"""Scale: a view of an object that has replicas; autoscalers read and write it.

Every kind with a ``scale`` subresource declares the fields of its replica counts and its selector;
the view is always an ``autoscaling/v1`` Scale. It has the name, uid and resourceVersion of the
object. Writing a Scale changes one field of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.printing import AGE, NAME, Column, Printer, aged

SCALE: Final = GroupVersionKind("autoscaling", "v1", "Scale")
#: The path of the desired replicas in a Scale.
SCALE_REPLICAS: Final = ("spec", "replicas")
_IDENTITY: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_STATUS_REPLICAS: Final = ("status", "replicas")


class Scaling(Protocol):
    """Reads and validates the scale of the objects of a kind."""

    @property
    def replicas_path(self) -> tuple[str, ...]:
        """The path of the desired replicas in an object: the one field that is written."""

    def replicas_paths(self, api_version: str) -> Mapping[str, tuple[str, ...]]:
        """Return this path in every version of the kind, by apiVersion; ``()`` for none.

        ``api_version`` is that of the object.
        """

    def check(self, document: Object) -> None:
        """Raise InternalError if an object cannot be shown as a Scale."""

    def desired(self, document: Object) -> int:
        """Return the number of desired replicas."""

    def current(self, document: Object) -> int:
        """Return the number of current replicas."""

    def selector(self, document: Object) -> str:
        """Return the label selector of the Pods as text; empty if there is none."""

    def validate(self, scale: Object) -> list[FieldError]:
        """Validate a desired Scale. Raises BadRequest if it has no replicas."""


@valueclass
class ScaleFields:
    """A `Scaling` that is defined by the paths of the fields."""

    selector: Callable[[Object], str]
    replicas_path: tuple[str, ...] = ("spec", "replicas")
    status_path: tuple[str, ...] = _STATUS_REPLICAS

    def replicas_paths(self, api_version: str) -> Mapping[str, tuple[str, ...]]:
        """Return the path of the desired replicas; these kinds have one version."""
        return {api_version: self.replicas_path}

    def check(self, document: Object) -> None:
        """Every object can be shown."""

    def desired(self, document: Object) -> int:
        """Return the number of desired replicas."""
        return _number(document, self.replicas_path)

    def current(self, document: Object) -> int:
        """Return the number of current replicas."""
        return _number(document, self.status_path)

    def validate(self, scale: Object) -> list[FieldError]:
        """Validate a desired Scale."""
        return validate_scale(scale)


def scale_of(document: Object, scaling: Scaling) -> Object:
    """Return the Scale of an object."""
    metadata = document["metadata"]
    desired = scaling.desired(document)
    status: dict[str, Any] = {"replicas": scaling.current(document)}
    selector = scaling.selector(document)
    if selector:
        status["selector"] = selector
    return {
        "kind": SCALE.kind,
        "apiVersion": SCALE.api_version,
        "metadata": {name: metadata[name] for name in _IDENTITY if name in metadata},
        "spec": {"replicas": desired} if desired else {},
        "status": status,
    }


def desired_of(scale: Object) -> int:
    """Return the desired replicas of a Scale, 0 if the field is missing."""
    return _number(scale, SCALE_REPLICAS)


def validate_scale(scale: Object) -> list[FieldError]:
    """Validate a Scale."""
    desired = desired_of(scale)
    if desired >= 0:
        return []
    return [invalid("spec.replicas", desired, "must be greater than or equal to 0")]


def scaled(document: Object, scaling: Scaling, replicas: int) -> Object:
    """Return the object with ``replicas`` desired replicas."""
    return _with(document, scaling.replicas_path, replicas)


def _number(document: Object, path: tuple[str, ...]) -> int:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) else 0


def _with(document: Object, path: tuple[str, ...], value: int) -> Object:
    name, *rest = path
    if not rest:
        return {**document, name: value}
    return {**document, name: _with(document.get(name) or {}, tuple(rest), value)}


#: The printer of a Scale.
SCALE_PRINTER: Final = Printer(
    (
        replace(NAME, format=""),
        Column("Desired", type="integer", source="api.autoscaling.v1.ScaleSpec.replicas"),
        Column("Available", type="integer", source="api.autoscaling.v1.ScaleStatus.replicas"),
        AGE,
    ),
    aged((), lambda scale: [desired_of(scale), _number(scale, _STATUS_REPLICAS)]).cells,
)
