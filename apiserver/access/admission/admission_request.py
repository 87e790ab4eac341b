"""The request that webhooks and expressions see: the members of an AdmissionRequest.

Members that are empty are absent. See AdmissionRequest in the API documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import ResourceVersion, request_namespace
from apiserver.access.admission.operation_options import operation_options
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo


@dataclass(slots=True)
class MatchedRequest:
    """A write in the version in which a rule matched it; so are the objects."""

    version: ResourceVersion
    object: Object | None
    old_object: Object | None


def admission_request(attributes: AdmissionAttributes, matched: MatchedRequest) -> dict[str, Any]:
    """Return the members of an AdmissionRequest, without uid and objects."""
    subresource = attributes.subresource
    request = {
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
