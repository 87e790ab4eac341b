"""Which service account tokens a kubelet may request: those of Pods on its node.

The token must be bound to the Pod, and be for an audience that a volume of the Pod asks for, or
that the kubelet has the verb ``request-serviceaccounts-token-audience`` for (KEP-4412).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import CLAIMS, PODS, VOLUMES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote

_DRIVERS: Final = GroupVersionResource("storage.k8s.io", "v1", "csidrivers")
_VERB: Final = "request-serviceaccounts-token-audience"


async def check_token_request(
    attributes: AdmissionAttributes, node: str, reader: Reader, authorizer: Authorizer
) -> None:
    """Raise Forbidden for a TokenRequest that is not for a Pod of the node, or NotFound."""
    spec: dict[str, Any] = (attributes.object or {}).get("spec") or {}
    bound = spec.get("boundObjectRef") or {}
    is_pod = (bound.get("apiVersion"), bound.get("kind")) == ("v1", "Pod")
    if not is_pod or not bound.get("name"):
        raise attributes.forbidden("node requested token not bound to a pod")
    uid = bound.get("uid") or ""
    if not uid:
        raise attributes.forbidden("node requested token with a pod binding without a uid")
    pod = reader.get(PODS, attributes.namespace, bound["name"])
    if pod is None:
        raise NotFound.of(GroupResource("", "pods"), bound["name"])
    if uid != pod["metadata"].get("uid"):
        raise attributes.forbidden(
            f"the UID in the bound object reference ({uid}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
    if (pod.get("spec") or {}).get("nodeName") != node:
        raise attributes.forbidden(
            "node requested token bound to a pod scheduled on a different node"
        )
    audiences = spec.get("audiences") or [""]
    if len(audiences) > 1:
        raise attributes.forbidden("node may only request 0 or 1 audiences")
    if audiences[0] in _audiences_of(pod, reader):
        return
    if not await _may_request(attributes, audiences[0], authorizer):
        raise attributes.forbidden(
            f"audience {quote(audiences[0])} not found in pod spec volume, "
            f"{attributes.user.name} is not authorized to request tokens for this audience"
        )


async def _may_request(
    attributes: AdmissionAttributes, audience: str, authorizer: Authorizer
) -> bool:
    asked = AuthorizationAttributes(
        attributes.user,
        _VERB,
        path="",
        is_resource_request=True,
        version="v1",
        resource=audience,
        namespace=attributes.namespace,
        name=attributes.name,
    )
    return (await authorizer.authorize(asked)).verdict is Verdict.ALLOW


def _audiences_of(pod: Object, reader: Reader) -> Iterator[str]:
    namespace, name = pod["metadata"].get("namespace", ""), pod["metadata"]["name"]
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None:
                yield token.get("audience") or ""
        if volume.get("csi") is not None:
            yield from _audiences_of_driver(volume["csi"].get("driver", ""), reader)
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if volume.get("ephemeral") is not None:
            claim = f"{name}-{volume['name']}"
        if claim:
            yield from _audiences_of_claim(namespace, claim, reader)


def _audiences_of_claim(namespace: str, claim: str, reader: Reader) -> Iterator[str]:
    found = reader.get(CLAIMS, namespace, claim) or {}
    name = (found.get("spec") or {}).get("volumeName", "")
    volume = (reader.get(VOLUMES, "", name) if name else None) or {}
    driver = ((volume.get("spec") or {}).get("csi") or {}).get("driver", "")
    if driver:
        yield from _audiences_of_driver(driver, reader)


def _audiences_of_driver(driver: str, reader: Reader) -> Iterator[str]:
    found = reader.get(_DRIVERS, "", driver) or {}
    for request in (found.get("spec") or {}).get("tokenRequests") or ():
        yield request.get("audience") or ""
