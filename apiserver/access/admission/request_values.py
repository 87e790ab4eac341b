"""The variables of expressions about a write: `request`, `object`, `namespaceObject` and others.

See "Validation expression" in the documentation of ValidatingAdmissionPolicy. Members of `request`
that are empty are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import ResourceVersion, request_namespace
from apiserver.access.admission.operation_options import operation_options
from apiserver.cel.errors import EvaluationError
from apiserver.cel.requestevaluation import RequestValues
from apiserver.cel.timevalues import parse_timestamp
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo

_UNSEEN: Final = frozenset(["managedFields", "ownerReferences", "selfLink"])
_TIMES: Final = ("creationTimestamp", "deletionTimestamp")


@dataclass(slots=True)
class MatchedRequest:
    """A write in the version in which a rule matched it; so are the objects."""

    version: ResourceVersion
    object: Object | None
    old_object: Object | None


def request_values(
    attributes: AdmissionAttributes,
    matched: MatchedRequest,
    namespace: Object | None,
    authorizers: Mapping[str, Any],
) -> RequestValues:
    """Return the values of the variables; ``namespace`` is that of the object, if it has one."""
    return RequestValues(
        matched.object,
        matched.old_object,
        _request(attributes, matched),
        None if namespace is None else _namespace(namespace),
        authorizers=authorizers,
    )


def namespace_of_request(attributes: AdmissionAttributes, reader: Reader) -> Object | None:
    """Return the namespace that is `namespaceObject`: a Namespace itself has none."""
    if not attributes.namespace or attributes.gvr == NAMESPACES:
        return None
    return reader.get(NAMESPACES, "", attributes.namespace)


def _request(attributes: AdmissionAttributes, matched: MatchedRequest) -> dict[str, Any]:
    subresource = attributes.subresource
    request = {
        "uid": "",
        "kind": _kind(matched.version.kind),
        "resource": _resource(matched.version.resource),
        "requestKind": _kind(attributes.gvk),
        "requestResource": _resource(attributes.gvr),
        "operation": attributes.operation,
        "userInfo": _user(attributes.user),
        "dryRun": attributes.dry_run,
    }
    optional = {
        "subResource": subresource,
        "requestSubResource": subresource,
        "name": attributes.name,
        "namespace": request_namespace(attributes),
        "options": operation_options(attributes),
    }
    return request | {name: value for name, value in optional.items() if value}


def _kind(kind: GroupVersionKind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _resource(resource: GroupVersionResource) -> dict[str, str]:
    return {
        "group": resource.group,
        "version": resource.version,
        "resource": resource.resource,
    }


def _user(user: UserInfo) -> dict[str, Any]:
    members = {
        "username": user.name,
        "uid": user.uid,
        "groups": list(user.groups),
        "extra": {key: list(values) for key, values in user.extra.items()},
    }
    return {name: value for name, value in members.items() if value}


def _namespace(namespace: Object) -> dict[str, Any]:
    metadata = {name: value for name, value in namespace["metadata"].items() if name not in _UNSEEN}
    for name in _TIMES:
        if name in metadata:
            metadata[name] = _time(metadata[name])
    status = dict(namespace.get("status") or {})
    if status.get("conditions"):
        status["conditions"] = [_condition(each) for each in status["conditions"]]
    return {"metadata": metadata, "spec": namespace.get("spec") or {}, "status": status}


def _condition(condition: dict[str, Any]) -> dict[str, Any]:
    times = {k: _time(v) for k, v in condition.items() if k == "lastTransitionTime"}
    return {**condition, **times}


def _time(text: Any) -> Any:
    try:
        return parse_timestamp(text) if type(text) is str else text
    except EvaluationError:
        return text
