"""AlwaysPullImages: a Pod runs an image only with the credentials to pull it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.errors import UnknownError
from apiserver.machinery.fielderrors import joined, not_supported
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec

_ALWAYS: Final = "Always"
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


class AlwaysPullImages:
    """Sets the pull policy of all containers, unless an update brings no new image.

    Whatever changes the policy afterwards, such as a webhook, fails the request.
    """

    name = "AlwaysPullImages"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        if _has_old_images(pod, attributes.old_object):
            return None
        changes = {
            member: [{**container, "imagePullPolicy": _ALWAYS} for container in containers]
            for member, containers in _containers(pod).items()
        }
        return with_spec(pod, **changes)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        if _has_old_images(pod, attributes.old_object):
            return
        refusals = [
            attributes.forbidden(str(not_supported(path, policy, (_ALWAYS,)))).message
            for path, policy in _policies(pod)
            if policy != _ALWAYS
        ]
        if refusals:
            raise UnknownError(joined(refusals))


def _has_old_images(pod: Object, old: Object | None) -> bool:
    return old is not None and _images(pod) <= _images(old)


def _policies(pod: Object) -> Iterator[tuple[str, str]]:
    for member, containers in _containers(pod).items():
        for index, container in enumerate(containers):
            path = f"spec.{member}[{index}].imagePullPolicy"
            yield path, container.get("imagePullPolicy", "")


def _containers(pod: Object) -> dict[str, list[dict[str, Any]]]:
    return {member: pod["spec"][member] for member in _CONTAINERS if pod["spec"].get(member)}


def _images(pod: Object) -> set[str]:
    groups = _containers(pod).values()
    return {container.get("image", "") for containers in groups for container in containers}
