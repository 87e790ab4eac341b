"""The members of a CustomResourceDefinition that its own rules and the served kind read.

The functions read a document of ``apiextensions.k8s.io/v1`` that has its defaults. Its status is
written by the controllers in `apiserver.controllers.customresources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.times import now
from apiserver.machinery.valueclasses import valueclass

#: The condition types, in the order in which they appear.
NAMES_ACCEPTED: Final = "NamesAccepted"
ESTABLISHED: Final = "Established"
TERMINATING: Final = "Terminating"
NON_STRUCTURAL_SCHEMA: Final = "NonStructuralSchema"
API_APPROVAL: Final = "KubernetesAPIApprovalPolicyConformant"
#: Keeps a deleted definition until its objects are gone.
CLEANUP_FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
NAMESPACED: Final = "Namespaced"
CLUSTER: Final = "Cluster"


@valueclass
class Names:
    """The names of a kind; an empty string or tuple means that there is none."""

    plural: str = ""
    singular: str = ""
    kind: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the names as in a document."""
        members: dict[str, Any] = {"plural": self.plural, "kind": self.kind}
        optional = {
            "singular": self.singular,
            "listKind": self.list_kind,
            "shortNames": list(self.short_names),
            "categories": list(self.categories),
        }
        return {**members, **{name: value for name, value in optional.items() if value}}


@valueclass
class Condition:
    """A condition without its transition time."""

    type: str
    status: str
    reason: str
    message: str

    def matches(self, found: Mapping[str, Any] | None) -> bool:
        """Return whether a condition of a status equals this one, apart from its times."""
        return found is not None and all(
            found.get(name, "") == getattr(self, name)
            for name in ("type", "status", "reason", "message")
        )


#: The condition of a definition that is deleted, before the deletion of its objects begins.
PENDING: Final = Condition(
    TERMINATING,
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
)


def spec_of(crd: Object) -> dict[str, Any]:
    """Return the spec."""
    return crd.get("spec") or {}


def status_of(crd: Object) -> dict[str, Any]:
    """Return the status."""
    return crd.get("status") or {}


def group_of(crd: Object) -> str:
    """Return the API group of the kind."""
    return str(spec_of(crd).get("group", ""))


def is_namespaced(crd: Object) -> bool:
    """Return whether the objects of the kind are in namespaces."""
    return spec_of(crd).get("scope") == NAMESPACED


def requested_names(crd: Object) -> Names:
    """Return the names that the definition requests."""
    return _names(spec_of(crd).get("names") or {})


def accepted_names(crd: Object) -> Names:
    """Return the names that the kind is served by."""
    return _names(status_of(crd).get("acceptedNames") or {})


def versions_of(crd: Object) -> Sequence[dict[str, Any]]:
    """Return the versions of the kind, served or not."""
    return spec_of(crd).get("versions") or ()


def storage_version(crd: Object) -> str | None:
    """Return the name of the version in which objects are stored, ``None`` if there is none."""
    return next((each.get("name", "") for each in versions_of(crd) if each.get("storage")), None)


def stored_versions(crd: Object) -> Sequence[str]:
    """Return the names of the versions in which objects may be stored."""
    return status_of(crd).get("storedVersions") or ()


def condition_of(crd: Object, type_: str) -> dict[str, Any] | None:
    """Return the condition of a type, ``None`` if there is none."""
    conditions = status_of(crd).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type_), None)


def is_true(crd: Object, type_: str) -> bool:
    """Return whether the condition of a type is True."""
    return (condition_of(crd, type_) or {}).get("status") == "True"


def is_established(crd: Object) -> bool:
    """Return whether the kind is, and therefore stays, established."""
    return is_true(crd, ESTABLISHED)


def is_served(crd: Object) -> bool:
    """Return whether the served versions of the kind answer requests."""
    return is_true(crd, NAMES_ACCEPTED) or is_established(crd)


def is_terminating(crd: Object) -> bool:
    """Return whether the definition is deleted, and no more objects may be created."""
    return is_true(crd, TERMINATING)


def with_status(crd: Object, **members: Any) -> Object:
    """Return the definition with other members of its status."""
    return {**crd, "status": {**status_of(crd), **members}}


def with_condition(crd: Object, condition: Condition) -> Object:
    """Return the definition with a condition added or replaced.

    The transition time changes only with the condition's status.
    """
    conditions = list(status_of(crd).get("conditions") or ())
    wanted = {"type": condition.type, "status": condition.status, "lastTransitionTime": now()}
    if condition.reason:
        wanted["reason"] = condition.reason
    if condition.message:
        wanted["message"] = condition.message
    for index, known in enumerate(conditions):
        if known.get("type") == condition.type:
            since = known.get("lastTransitionTime")
            if known.get("status") == condition.status and since:
                wanted["lastTransitionTime"] = since
            conditions[index] = wanted
            break
    else:
        conditions.append(wanted)
    return with_status(crd, conditions=conditions)


def without_condition(crd: Object, type_: str) -> Object:
    """Return the definition without the condition of a type."""
    conditions = status_of(crd).get("conditions") or ()
    return with_status(crd, conditions=[each for each in conditions if each.get("type") != type_])


def has_cleanup_finalizer(crd: Object) -> bool:
    """Return whether the definition waits for the deletion of its objects."""
    return CLEANUP_FINALIZER in (crd["metadata"].get("finalizers") or ())


def without_cleanup_finalizer(crd: Object) -> Object:
    """Return the definition without the finalizer that waits for the deletion of its objects."""
    finalizers = crd["metadata"].get("finalizers") or ()
    kept = [name for name in finalizers if name != CLEANUP_FINALIZER]
    return with_metadata(crd, finalizers=kept or None)


def _names(document: Mapping[str, Any]) -> Names:
    return Names(
        plural=document.get("plural", ""),
        singular=document.get("singular", ""),
        kind=document.get("kind", ""),
        list_kind=document.get("listKind", ""),
        short_names=tuple(document.get("shortNames") or ()),
        categories=tuple(document.get("categories") or ()),
    )
