"""ServiceAccount: every Pod runs as somebody, and gets a token of its account."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import MIRROR_POD, PODS, SERVICE_ACCOUNTS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.names import generate_name
from apiserver.machinery.objects import Object, annotations_of, with_spec
from apiserver.machinery.quoting import quote

_DEFAULT: Final = "default"
_VOLUME_PREFIX: Final = "kube-api-access-"
_MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_ENFORCED: Final = "kubernetes.io/enforce-mountable-secrets"
_CONTAINERS: Final = ("initContainers", "containers")
# An hour and a little: clients renew tokens before they have to.
_TOKEN_SECONDS: Final = 3607
# For how long the default account of a new namespace is waited for: so often, so many seconds.
_ATTEMPTS: Final = 10
_PAUSE: Final = 0.05


class ServiceAccount:
    """Names the account of a Pod, mounts a token for it and refuses accounts that are not there."""

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
            complaint = _complaint_about_mirror(pod["spec"])
            if complaint:
                raise attributes.forbidden(complaint)
            return
        name = pod["spec"].get("serviceAccountName")
        if not name:
            shown = f"{attributes.namespace}/{attributes.display_name}"
            raise attributes.forbidden(f"no service account specified for pod {shown}")
        account = _account(attributes, reader, name)
        if annotations_of(account).get(_ENFORCED) == "true":
            complaint = _complaint_about_secrets(pod["spec"], account, name)
            if complaint:
                raise attributes.forbidden(complaint)


async def _wait_for_default(namespace: str, name: str, reader: Reader) -> None:
    # Whoever makes a namespace and at once a Pod in it may be faster than the account.
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
    """Return a Pod whose containers mount a token, but where they mount something there already."""
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


def _complaint_about_mirror(spec: dict[str, Any]) -> str:
    if spec.get("serviceAccountName"):
        return "a mirror pod may not reference service accounts"
    if any(True for _ in _secrets(spec)):
        return "a mirror pod may not reference secrets"
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                return "a mirror pod may not use ServiceAccountToken volume projections"
    return ""


def _secrets(spec: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        (volume["secret"].get("secretName", ""), "Volume")
        for volume in spec.get("volumes") or ()
        if volume.get("secret") is not None
    ]
    for member in _CONTAINERS:
        for container in spec.get(member) or ():
            for variable in container.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if reference is not None:
                    found.append((reference.get("name", ""), container["name"]))
    return found


def _complaint_about_secrets(spec: dict[str, Any], account: Object, name: str) -> str:
    mountable = {secret.get("name") for secret in account.get("secrets") or ()}
    for secret, user in _secrets(spec):
        if secret not in mountable:
            what = "volume with" if user == "Volume" else f"container {user} with"
            why = f"is not allowed because service account {name} does not reference that secret"
            return f"{what} secret.secretName={quote(secret)} {why}"
    pulled = {secret.get("name") for secret in account.get("imagePullSecrets") or ()}
    for reference in spec.get("imagePullSecrets") or ():
        if reference.get("name") not in pulled:
            shown = quote(reference.get("name", ""))
            why = f"is not allowed because service account {name} does not reference that"
            return f"imagePullSecrets[].name={shown} {why} imagePullSecret"
    return ""
