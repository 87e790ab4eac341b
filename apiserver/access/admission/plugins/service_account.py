"""ServiceAccount: sets the account of a Pod and mounts a token of it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.mountable_secrets import (
    ephemeral_violation,
    is_enforced,
    pod_violation,
)
from apiserver.access.authorization.node_graph import references_of
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import MIRROR_POD, PODS, SERVICE_ACCOUNTS
from apiserver.machinery.errors import UnknownError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.names import generate_name
from apiserver.machinery.objects import (
    Object,
    annotations_of,
    metadata_of,
    with_metadata,
    with_spec,
)
from apiserver.machinery.quoting import quote

_DEFAULT: Final = "default"
_VOLUME_PREFIX: Final = "kube-api-access-"
_MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_CONTAINERS: Final = ("initContainers", "containers")
# Slightly more than an hour; clients renew tokens before they expire.
_TOKEN_SECONDS: Final = 3607
# The wait for the default account of a new namespace: attempts, and seconds between them.
_ATTEMPTS: Final = 10
_PAUSE: Final = 0.05


class ServiceAccount:
    """Sets the account of Pods, mounts its token and rejects missing accounts."""

    name = "ServiceAccount"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == CREATE and not subresource

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        if MIRROR_POD in annotations_of(pod):
            return None
        name = pod["spec"].get("serviceAccountName") or _DEFAULT
        await _wait_for_default(attributes.namespace, name, reader)
        account = _account(attributes, reader, name)
        pod = with_spec(pod, serviceAccountName=name, serviceAccount=name)
        if _automounts(account, pod):
            pod = with_token(pod)
        secrets = account.get("imagePullSecrets")
        if secrets and not pod["spec"].get("imagePullSecrets"):
            pod = with_spec(pod, imagePullSecrets=secrets)
        return pod

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        if MIRROR_POD in annotations_of(pod):
            violation = _mirror_pod_violation(pod)
            if violation:
                raise attributes.forbidden(violation)
            return
        account = _account_of(attributes, reader, pod)
        violation = pod_violation(pod["spec"], account) if is_enforced(account) else ""
        if violation:
            raise attributes.forbidden(violation)


class SecretsOfEphemeralContainers:
    """Rejects ephemeral containers with Secrets that the account of the Pod does not name."""

    name = ServiceAccount.name

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == UPDATE and subresource == "ephemeralcontainers"

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        account = _account_of(attributes, reader, pod)
        violation = ephemeral_violation(pod["spec"], account) if is_enforced(account) else ""
        if violation:
            raise UnknownError(violation)


def _account_of(attributes: AdmissionAttributes, reader: Reader, pod: Object) -> Object:
    """Return the account of a Pod. Raises Forbidden."""
    name = pod["spec"].get("serviceAccountName")
    if not name:
        shown = f"{attributes.namespace}/{metadata_of(pod).get('name', '')}"
        raise attributes.forbidden(f"no service account specified for pod {shown}")
    return _account(attributes, reader, name)


async def _wait_for_default(namespace: str, name: str, reader: Reader) -> None:
    # A Pod may be created in a new namespace before its default account exists.
    if name != _DEFAULT:
        return
    for _ in range(_ATTEMPTS):
        if reader.get(SERVICE_ACCOUNTS, namespace, name) is not None:
            return
        await asyncio.sleep(_PAUSE)


def _account(attributes: AdmissionAttributes, reader: Reader, name: str) -> Object:
    namespace = attributes.namespace
    account = reader.get(SERVICE_ACCOUNTS, namespace, name)
    if account is None:
        raise attributes.forbidden(
            f"error looking up service account {namespace}/{name}: "
            f"serviceaccount {quote(name)} not found"
        )
    return account


def _automounts(account: Object, pod: Object) -> bool:
    for document in (pod["spec"], account):
        wanted = document.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def with_token(pod: Object) -> Object:
    """Return a Pod with a token mounted in every container that has no mount at its path."""
    spec = pod["spec"]
    volumes = spec.get("volumes") or []
    named = [volume["name"] for volume in volumes if volume["name"].startswith(_VOLUME_PREFIX)]
    volume = named[0] if named else generate_name(_VOLUME_PREFIX)
    mount = {"name": volume, "readOnly": True, "mountPath": _MOUNT_PATH}
    changes: dict[str, Any] = {}
    needed = False
    for member in _CONTAINERS:
        containers = spec.get(member) or []
        mounted = [_with_mount(container, mount) for container in containers]
        if mounted != containers:
            changes[member], needed = mounted, True
    if needed and not named:
        changes["volumes"] = [*volumes, _token_volume(volume)]
    return with_spec(pod, **changes) if changes else pod


def _with_mount(container: dict[str, Any], mount: dict[str, Any]) -> dict[str, Any]:
    mounts = container.get("volumeMounts") or []
    if any(existing.get("mountPath") == _MOUNT_PATH for existing in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, mount]}


def _token_volume(name: str) -> dict[str, Any]:
    namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "sources": [
                {
                    "serviceAccountToken": {
                        "expirationSeconds": _TOKEN_SECONDS,
                        "path": "token",
                    }
                },
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
            ],
            "defaultMode": 0o644,
        },
    }


def _mirror_pod_violation(pod: Object) -> str:
    spec = pod["spec"]
    if spec.get("serviceAccountName"):
        return "a mirror pod may not reference service accounts"
    # As one that is no mirror Pod, for then its references would not count.
    plain = with_metadata({"spec": spec}, name="")
    if any(resource == "secrets" for resource, _, _ in references_of(plain)):
        return "a mirror pod may not reference secrets"
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                return "a mirror pod may not use ServiceAccountToken volume projections"
    return ""
