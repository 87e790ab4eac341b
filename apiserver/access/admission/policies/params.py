"""The parameters that a binding gives to its policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.access.admission.policies.policy_dependencies import ParamResource, ServedKinds
from apiserver.access.admission.policies.policy_documents import ParamReference
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of

_NO_NAMESPACE: Final = (
    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
)
_CLUSTER_SCOPED: Final = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
_NONE_FOUND: Final = "no params found for policy binding with `Deny` parameterNotFoundAction"


class PolicyConfigurationError(Exception):
    """A policy or binding cannot be used; the text is that of the API server."""


def resource_of_params(kind: GroupVersionKind | None, kinds: ServedKinds) -> ParamResource | None:
    """Return the resource of the parameters of a policy, ``None`` if it has none.

    Raises PolicyConfigurationError if the kind is not served.
    """
    if kind is None:
        return None
    found = kinds.param_resource(kind)
    if found is None:
        raise PolicyConfigurationError(f"failed to find resource referenced by paramKind: '{kind}'")
    return found


def params_of(
    resource: ParamResource | None, reference: ParamReference | None, namespace: str, reader: Reader
) -> Sequence[Object | None]:
    """Return the parameters for a request in a namespace: the policy is evaluated for each.

    A policy or binding without parameters is evaluated once, with ``None``. Raises
    PolicyConfigurationError.
    """
    if resource is None or reference is None:
        return [None]
    where = ""
    if resource.namespaced:
        where = reference.namespace or namespace
        if not where:
            raise PolicyConfigurationError(_NO_NAMESPACE)
    elif reference.namespace:
        raise PolicyConfigurationError(_CLUSTER_SCOPED)
    found = _found(resource.resource, reference, where, reader)
    if not found and reference.denies:
        raise PolicyConfigurationError(_NONE_FOUND)
    return found


def _found(
    resource: GroupVersionResource, reference: ParamReference, namespace: str, reader: Reader
) -> Sequence[Any]:
    if reference.name:
        document = reader.get(resource, namespace, reference.name)
        return [] if document is None else [document]
    if reference.selector is None:
        return []
    matches = reference.selector.matches
    return [
        document
        for document in reader.list(resource, namespace)
        if matches(metadata_of(document).get("labels") or {})
    ]
