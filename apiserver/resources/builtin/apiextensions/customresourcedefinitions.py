"""The behaviour of CustomResourceDefinitions as objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.resources.builtin.apiextensions.crds import (
    CLEANUP_FINALIZER,
    PENDING,
    group_of,
    has_cleanup_finalizer,
    requested_names,
    spec_of,
    status_of,
    storage_version,
    stored_versions,
    with_condition,
    with_status,
)
from apiserver.resources.builtin.apiextensions.schemas import unrecognized_formats
from apiserver.resources.builtin.apiextensions.validation import (
    validate_crd,
    validate_crd_update,
    validate_status,
)
from apiserver.resources.printing import DEFAULT
from apiserver.resources.strategy import CHANGE, Strategy

_HTTPS: Final = 443
_OBSERVED: Final = "observedGeneration"


class CustomResourceDefinitionStrategy(Strategy):
    """A definition is only changed knowingly, and deleted after the objects of its kind.

    As in Kubernetes, an update of the status writes metadata, too.
    """

    metadata_checks = (CHANGE,)
    qualifies_finalizers = False
    allow_unconditional_update = False
    marks_before_deletion = True
    generation_of = ("spec",)
    printer = DEFAULT

    @property
    def validates_slowly(self) -> bool:
        return True

    def name_problems_of(self, document: Object) -> Callable[[str], list[str]]:
        needed = f"{requested_names(document).plural}.{group_of(document)}"

        def problems(name: str) -> list[str]:
            found = dns1123_subdomain_problems(name)
            return found if name == needed else [*found, 'must be spec.names.plural+"."+spec.group']

        return problems

    def default(self, document: Object) -> None:
        spec = document.get("spec") or {}
        names = spec.get("names")
        if names is not None:
            _default_names(names)
        conversion = spec.get("conversion")
        if conversion is None and spec:
            spec["conversion"] = {"strategy": "None"}
        elif conversion:
            _default_webhook(conversion)
        version = storage_version(document)
        if version is not None and not stored_versions(document):
            document["status"] = {**(document.get("status") or {}), "storedVersions": [version]}

    def prepare_for_create(self, document: Object) -> Object:
        return _recorded(super().prepare_for_create(document))

    def validate(self, document: Object) -> list[FieldError]:
        return validate_crd(document)

    def warnings_on_create(self, document: Object) -> list[str]:
        return _warnings(unrecognized_formats(spec_of(document)))

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return _recorded(super().prepare_for_update(document, old))

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_crd_update(document, old)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        if deep_equal(spec_of(document), spec_of(old)):
            return []
        known = set(unrecognized_formats(spec_of(old)))
        new = unrecognized_formats(spec_of(document))
        return _warnings([format_ for format_ in new if format_ not in known])

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(document, old)
        return prepared if _tracks_generation(old) else _without_generation(prepared)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_status(document)

    def mark_for_deletion(self, existing: Object, options: DeleteOptions) -> Object:
        marked = existing
        if not has_cleanup_finalizer(existing):
            finalizers = existing["metadata"].get("finalizers") or []
            marked = with_metadata(existing, finalizers=[*finalizers, CLEANUP_FINALIZER])
        return with_condition(marked, PENDING)


def _tracks_generation(crd: Object) -> bool:
    """Return whether a status has members of the feature CRDObservedGenerationTracking."""
    parts = (status_of(crd), *(status_of(crd).get("conditions") or ()))
    return any(_OBSERVED in part for part in parts)


def _without_generation(crd: Object) -> Object:
    """Return a definition without the members of that feature, which is off by default."""
    if not _tracks_generation(crd):
        return crd
    status = _without(status_of(crd))
    if status.get("conditions"):
        status["conditions"] = [_without(each) for each in status["conditions"]]
    return {**crd, "status": status}


def _without(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != _OBSERVED}


def _default_names(names: dict[str, Any]) -> None:
    kind = names.get("kind", "")
    if kind:
        if not names.get("singular"):
            names["singular"] = kind.lower()
        if not names.get("listKind"):
            names["listKind"] = f"{kind}List"


def _default_webhook(conversion: dict[str, Any]) -> None:
    webhook = conversion.get("webhook")
    if webhook is None:
        return
    config = webhook.get("clientConfig")
    if config is None and not webhook.get("conversionReviewVersions"):
        # Kubernetes does not tell an empty webhook from none.
        del conversion["webhook"]
    service = (config or {}).get("service")
    if service is not None:
        service.setdefault("port", _HTTPS)


def _recorded(document: Object) -> Object:
    """Return a definition whose status contains its storage version."""
    version, stored = storage_version(document), stored_versions(document)
    if version is None or version in stored:
        return document
    return with_status(document, storedVersions=[*stored, version])


def _warnings(formats: list[str]) -> list[str]:
    return [f'unrecognized format "{format_}"' for format_ in formats]


STRATEGY = CustomResourceDefinitionStrategy
