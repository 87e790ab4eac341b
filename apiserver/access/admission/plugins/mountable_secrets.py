"""Mountable Secrets: a service account may limit its Pods to the Secrets that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.objects import Object, annotations_of, name_of

_ENFORCED: Final = "kubernetes.io/enforce-mountable-secrets"
# The spellings of true in Go.
_TRUE: Final = frozenset(["1", "t", "T", "true", "TRUE", "True"])
_CONTAINERS: Final = (("initContainers", "init container"), ("containers", "container"))


def is_enforced(account: Object) -> bool:
    """Return whether the Secrets of a service account are the only ones of its Pods."""
    return annotations_of(account).get(_ENFORCED) in _TRUE


def pod_violation(spec: Mapping[str, Any], account: Object) -> str:
    """Return the violation of a new Pod, ``""`` if there is none."""
    mountable = _names(account, "secrets")
    for volume in spec.get("volumes") or ():
        if volume.get("secret") is not None:
            secret = volume["secret"].get("secretName", "")
            if secret not in mountable:
                return f'volume with secret.secretName="{secret}" {_not_allowed(account)} secret'
    for part, what in _CONTAINERS:
        violation = _containers_violation(spec.get(part) or (), what, account)
        if violation:
            return violation
    pulled = _names(account, "imagePullSecrets")
    for index, reference in enumerate(spec.get("imagePullSecrets") or ()):
        name = reference.get("name", "")
        if name not in pulled:
            shown = f'imagePullSecrets[{index}].name="{name}"'
            return f"{shown} {_not_allowed(account)} imagePullSecret"
    return ""


def ephemeral_violation(spec: Mapping[str, Any], account: Object) -> str:
    """Return the violation of an ephemeral container, ``""`` if there is none."""
    containers = spec.get("ephemeralContainers") or ()
    return _containers_violation(containers, "ephemeral container", account)


def _containers_violation(containers: Iterable[Any], what: str, account: Object) -> str:
    mountable = _names(account, "secrets")
    for container in containers:
        for where, secret in _environment(container):
            if secret not in mountable:
                return (
                    f"{what} {container['name']} with {where} referencing "
                    f'secret.secretName="{secret}" {_not_allowed(account)} secret'
                )
    return ""


def _environment(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if reference is not None:
            yield f"envVar {variable['name']}", reference.get("name", "")
    for source in container.get("envFrom") or ():
        reference = source.get("secretRef")
        if reference is not None:
            yield "envFrom", reference.get("name", "")


def _names(account: Object, member: str) -> set[str]:
    return {reference.get("name", "") for reference in account.get(member) or ()}


def _not_allowed(account: Object) -> str:
    return f"is not allowed because service account {name_of(account)} does not reference that"
