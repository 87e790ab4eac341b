"""AlwaysPullImages: a Pod runs an image only with the credentials to pull it."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec

_ALWAYS: Final = "Always"
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


class AlwaysPullImages:
    """Sets the pull policy of all containers, unless an update brings no new image."""

    name = "AlwaysPullImages"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod, old = attributes.object, attributes.old_object
        assert pod is not None
        if old is not None and _images(pod) <= _images(old):
            return None
        changes = {
            member: [{**container, "imagePullPolicy": _ALWAYS} for container in containers]
            for member, containers in _containers(pod).items()
        }
        return with_spec(pod, **changes)


def _containers(pod: Object) -> dict[str, list[dict[str, Any]]]:
    return {member: pod["spec"][member] for member in _CONTAINERS if pod["spec"].get(member)}


def _images(pod: Object) -> set[str]:
    groups = _containers(pod).values()
    return {container.get("image", "") for containers in groups for container in containers}
