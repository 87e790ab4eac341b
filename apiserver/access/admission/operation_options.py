"""The options of a write, as webhooks and expressions see them: CreateOptions and so on."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE, AdmissionAttributes
from apiserver.machinery.objects import Object
from apiserver.machinery.options import META_GROUP, DeleteOptions, WriteOptions

_KINDS: Final = {CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions"}


def operation_options(attributes: AdmissionAttributes) -> Object | None:
    """Return the document of the options, ``None`` for a CONNECT, which has none."""
    kind, options = _KINDS.get(attributes.operation), attributes.options
    if kind is None:
        return None
    document: dict[str, Any] = {"kind": kind, "apiVersion": f"{META_GROUP}/v1"}
    if isinstance(options, DeleteOptions):
        document |= _delete_options(options)
    elif isinstance(options, WriteOptions):
        if options.dry_run:
            document["dryRun"] = ["All"]
        if options.field_manager:
            document["fieldManager"] = options.field_manager
        if options.given_validation:
            document["fieldValidation"] = options.given_validation
    return document


def _delete_options(options: DeleteOptions) -> dict[str, Any]:
    preconditions = {"uid": options.uid, "resourceVersion": options.resource_version}
    given = {name: value for name, value in preconditions.items() if value is not None}
    members = {
        "gracePeriodSeconds": options.grace_period_seconds,
        "preconditions": given or None,
        "orphanDependents": options.orphan_dependents,
        "propagationPolicy": options.propagation_policy,
        "dryRun": ["All"] if options.dry_run else None,
    }
    return {name: value for name, value in members.items() if value is not None}
