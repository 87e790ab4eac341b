"""PodTolerationRestriction: a namespace sets default and allowed tolerations of its Pods.

Both are lists of tolerations, as JSON in annotations of the namespace; for a namespace without the
annotation, those of the configuration count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.covering_tolerations import Toleration, covers, merged
from apiserver.access.quota.scopes import is_best_effort
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_json
from apiserver.machinery.errors import RequestEntityTooLarge, UnknownError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of, with_spec
from apiserver.machinery.valueclasses import valueclass

NAME: Final = "PodTolerationRestriction"
_DEFAULT: Final = "scheduler.alpha.kubernetes.io/defaultTolerations"
_ALLOWED: Final = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
_MEMORY_PRESSURE: Final = {
    "key": "node.kubernetes.io/memory-pressure",
    "operator": "Exists",
    "effect": "NoSchedule",
}


@valueclass
class TolerationSettings:
    """The tolerations of all Pods, and the only ones allowed; none: all are."""

    default: Sequence[Toleration] = ()
    allowed: Sequence[Toleration] = ()


NO_TOLERATIONS: Final = TolerationSettings()


class PodTolerationRestriction:
    """Adds the tolerations of the namespace, and rejects those that it does not allow."""

    name = NAME

    def __init__(self, settings: TolerationSettings) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        own = pod["spec"].get("tolerations") or []
        added: list[Toleration] = []
        if attributes.operation == CREATE:
            added += _annotated(attributes, reader, _DEFAULT, self._settings.default)
        if not is_best_effort(pod):
            added.append(_MEMORY_PRESSURE)
        tolerations = merged([*own, *added]) if added else own
        self._check(attributes, reader, tolerations)
        return None if tolerations == own else with_spec(pod, tolerations=tolerations)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        assert attributes.object is not None
        self._check(attributes, reader, attributes.object["spec"].get("tolerations") or [])

    def _check(
        self, attributes: AdmissionAttributes, reader: Reader, tolerations: Sequence[Toleration]
    ) -> None:
        if not tolerations:
            return
        allowed = _annotated(attributes, reader, _ALLOWED, self._settings.allowed)
        if allowed and not all(any(covers(w, t) for w in allowed) for t in tolerations):
            raise UnknownError(
                "pod tolerations (possibly merged with namespace default tolerations) conflict "
                "with its namespace whitelist"
            )


def _annotated(
    attributes: AdmissionAttributes, reader: Reader, key: str, default: Sequence[Toleration]
) -> Sequence[Toleration]:
    """Return the tolerations in an annotation of the namespace. Raises UnknownError."""
    namespace = reader.get(NAMESPACES, "", attributes.namespace)
    text = annotations_of(namespace or {}).get(key)
    if text is None:
        return default
    if not text:
        return ()
    try:
        tolerations = parse_json(text.encode())
    except (DocumentError, RequestEntityTooLarge) as error:
        raise UnknownError(str(error)) from error
    if tolerations is None:
        return ()
    if not isinstance(tolerations, list) or not all(isinstance(t, dict) for t in tolerations):
        raise UnknownError(
            f"json: cannot unmarshal {_kind(tolerations)} into Go value of type []v1.Toleration"
        )
    return tolerations


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "bool"}
    return names.get(type(value), "number")
