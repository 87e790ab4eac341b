"""DefaultTolerationSeconds: Pods tolerate an unavailable node for five minutes."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec

_EFFECT: Final = "NoExecute"
_SECONDS: Final = 300
_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class DefaultTolerationSeconds:
    """Adds tolerations for nodes that are not ready or unreachable."""

    name = "DefaultTolerationSeconds"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        tolerations = pod["spec"].get("tolerations") or []
        missing = [key for key in _TAINTS if not any(_tolerates(t, key) for t in tolerations)]
        if not missing:
            return None
        return with_spec(pod, tolerations=[*tolerations, *map(_toleration, missing)])


def _tolerates(toleration: dict[str, Any], key: str) -> bool:
    return toleration.get("key", "") in ("", key) and toleration.get("effect", "") in ("", _EFFECT)


def _toleration(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "Exists", "effect": _EFFECT, "tolerationSeconds": _SECONDS}
