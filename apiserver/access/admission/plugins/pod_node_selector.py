"""PodNodeSelector: a namespace sets and restricts the node selectors of its Pods.

The configuration has the selector for namespaces that name none, ``clusterDefaultNodeSelector``,
and by namespace the labels that the selectors of its Pods may ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.errors import Forbidden, UnknownError
from apiserver.machinery.fielderrors import invalid
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.names import label_key_problems, label_value_problems
from apiserver.machinery.objects import Object, annotations_of, metadata_of, with_spec

NAME: Final = "PodNodeSelector"
_SELECTOR: Final = "scheduler.alpha.kubernetes.io/node-selector"
_DEFAULT: Final = "clusterDefaultNodeSelector"


class PodNodeSelector:
    """Adds the node selector in an annotation of the namespace to that of a Pod."""

    name = NAME

    def __init__(self, selectors: Mapping[str, str]) -> None:
        self._selectors = selectors

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        wanted = self._wanted(attributes, pod, reader)
        own = _own(pod)
        self._check_allowed(attributes, pod, wanted | own)
        return None if wanted.items() <= own.items() else with_spec(pod, nodeSelector=wanted | own)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        self._wanted(attributes, pod, reader)
        self._check_allowed(attributes, pod, _own(pod))

    def _wanted(
        self, attributes: AdmissionAttributes, pod: Object, reader: Reader
    ) -> dict[str, str]:
        """Return the selector of the namespace. Raises Forbidden if that of the Pod conflicts."""
        namespace = reader.get(NAMESPACES, "", attributes.namespace)
        default = self._selectors.get(_DEFAULT, "")
        wanted = _parsed(annotations_of(namespace or {}).get(_SELECTOR, default))
        own = _own(pod)
        if any(own.get(key, value) != value for key, value in wanted.items()):
            raise _refusal(
                attributes,
                pod,
                "pod node label selector conflicts with its namespace node label selector",
            )
        return wanted

    def _check_allowed(
        self, attributes: AdmissionAttributes, pod: Object, selector: Mapping[str, str]
    ) -> None:
        allowed = _parsed(self._selectors.get(attributes.namespace, ""))
        if allowed and not selector.items() <= allowed.items():
            raise _refusal(
                attributes,
                pod,
                "pod node label selector labels conflict with its namespace whitelist",
            )


def _own(pod: Object) -> dict[str, str]:
    return pod["spec"].get("nodeSelector") or {}


def _refusal(attributes: AdmissionAttributes, pod: Object, why: str) -> Forbidden:
    # A Pod whose name is to be generated has no name yet.
    return Forbidden.of(attributes.group_resource, metadata_of(pod).get("name", ""), why)


def _parsed(text: str) -> dict[str, str]:
    """Return the labels of ``key=value,key=value``. Raises UnknownError."""
    selector = {}
    for requirement in text.split(",") if text else ():
        parts = requirement.split("=")
        if len(parts) != 2:
            raise UnknownError(f"invalid selector: [{' '.join(parts)}]")
        key, value = parts[0].strip(), parts[1].strip()
        for path, checked, problems in (
            ("<nil>", key, label_key_problems(key)),
            (f"[{key}]", value, label_value_problems(value)),
        ):
            if problems:
                raise UnknownError(str(invalid(path, checked, "; ".join(problems))))
        selector[key] = value
    return selector
