"""Scale: the view of an object as so many replicas of something, which autoscalers read and write.

Every kind with a ``scale`` subresource says where its numbers are and which Pods it counts; the
view itself is always an ``autoscaling/v1`` Scale. It has the identity of the object behind it: its
name, its uid, its resourceVersion. Writing one changes a single member of that object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.resources.printing import Column, aged

SCALE: Final = GroupVersionKind("autoscaling", "v1", "Scale")
#: Where a Scale itself has the number of replicas wanted.
SCALE_REPLICAS: Final = ("spec", "replicas")
_IDENTITY: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_STATUS_REPLICAS: Final = ("status", "replicas")


class Scaling(Protocol):
    """How objects of a kind are scaled."""

    @property
    def replicas_path(self) -> tuple[str, ...]:
        """Where an object has the number of replicas wanted: the one member that is written."""

    def desired(self, document: Object) -> int:
        """Return how many replicas are wanted."""

    def current(self, document: Object) -> int:
        """Return how many replicas there are."""

    def selector(self, document: Object) -> str:
        """Return which Pods they are, as the text of a label selector; empty: that is not said."""

    def validate(self, scale: Object) -> list[FieldError]:
        """Return what is wrong with a Scale that is wanted."""


@dataclass(frozen=True, slots=True)
class ScaleFields:
    """A `Scaling` by the paths of members."""

    selector: Callable[[Object], str]
    replicas_path: tuple[str, ...] = ("spec", "replicas")
    status_path: tuple[str, ...] = _STATUS_REPLICAS

    def desired(self, document: Object) -> int:
        """Return how many replicas are wanted."""
        return _number(document, self.replicas_path)

    def current(self, document: Object) -> int:
        """Return how many replicas there are."""
        return _number(document, self.status_path)

    def validate(self, scale: Object) -> list[FieldError]:
        """Return what is wrong with a Scale that is wanted."""
        return validate_scale(scale)


def scale_of(document: Object, scaling: Scaling) -> Object:
    """Return an object as its Scale."""
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
    """Return how many replicas a Scale wants: none where it does not say."""
    return _number(scale, SCALE_REPLICAS)


def validate_scale(scale: Object) -> list[FieldError]:
    """Return what is wrong with a Scale."""
    desired = desired_of(scale)
    if desired >= 0:
        return []
    return [invalid("spec.replicas", desired, "must be greater than or equal to 0")]


def scaled(document: Object, scaling: Scaling, replicas: int) -> Object:
    """Return an object that wants ``replicas`` replicas."""
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


#: How a Scale is shown.
SCALE_PRINTER: Final = aged(
    (
        Column("Desired", type="integer", source="api.autoscaling.v1.ScaleSpec.replicas"),
        Column("Available", type="integer", source="api.autoscaling.v1.ScaleStatus.replicas"),
    ),
    lambda scale: [desired_of(scale), _number(scale, _STATUS_REPLICAS)],
)
