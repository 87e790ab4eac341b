"""The common behaviour of kinds that create Pods from a template.

The generation starts at 1 and is incremented with every change of the spec. The template gets the
defaults of Pods; its warnings are sent on creation and with every change of the generation. The
selector determines which Pods count; it must match the labels of the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported, required
from apiserver.machinery.labels import label_selector_of
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.apps.rules import validate_same
from apiserver.resources.builtin.parts.labelselector import (
    format_selector,
    is_empty,
    validate_label_selector,
)
from apiserver.resources.builtin.parts.podtemplate import (
    containers_and_images,
    default_pod_template,
    drop_disabled_fields,
    validate_pod_template,
    warnings_for_pod_template,
)
from apiserver.resources.printing import Column
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.internalform import internal_map, internal_selector

ALWAYS: Final = "Always"
_MISMATCH: Final = "`selector` does not match template `labels`"

CONTAINERS: Final = Column("Containers", "Names of each container in the template.", priority=1)
IMAGES: Final = Column("Images", "Images referenced by each container in the template.", priority=1)
#: The spec of a bookmark of a kind with replicas.
NO_REPLICAS: Final = {"replicas": 0}


class WorkloadStrategy(Strategy):
    """A kind that creates Pods from a template."""

    generation_of = ("spec",)
    metadata_checks = (CHANGE,)
    #: The path of the template.
    template_at: tuple[str, ...] = ("spec", "template")
    #: Whether Pod names begin with the object's name, which should then be a DNS label.
    names_pods = True

    def default(self, document: Object) -> None:
        self.default_spec(document)
        template = _at(document, self.template_at)
        if template is not None:
            default_pod_template(template)

    def default_spec(self, document: Object) -> None:
        """Set the defaults outside the template, in place."""

    def prepare_for_create(self, document: Object) -> Object:
        return self._without_disabled(super().prepare_for_create(document), None)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return self._without_disabled(super().prepare_for_update(document, old), old)

    def warnings_on_create(self, document: Object) -> list[str]:
        warnings = []
        problems = dns1123_label_problems(name_of(document)) if self.names_pods else []
        if problems:
            warnings.append(
                "metadata.name: this is used in Pod names and hostnames, which can result in "
                f"surprising behavior; a DNS label is recommended: [{' '.join(problems)}]"
            )
        return warnings + self.warnings_for_template(document, None)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        if document["metadata"].get("generation") == old["metadata"].get("generation"):
            return []
        return self.warnings_for_template(document, old)

    def warnings_for_template(self, document: Object, old: Object | None) -> list[str]:
        """Return the warnings about the template."""
        template = _at(document, self.template_at)
        if template is None:
            return []
        before = _at(old, self.template_at) if old is not None else None
        return warnings_for_pod_template(template, ".".join(self.template_at), before)

    def _without_disabled(self, document: Object, old: Object | None) -> Object:
        template = _at(document, self.template_at)
        if template is None:
            return document
        before = _at(old, self.template_at) if old is not None else None
        kept = drop_disabled_fields(template, before)
        return document if kept is template else _with(document, self.template_at, kept)


def _at(document: Object, path: Sequence[str]) -> Object | None:
    value: Object | None = document
    for name in path:
        if value is None:
            return None
        value = value.get(name)
    return value


def _with(document: Object, path: Sequence[str], value: Object) -> Object:
    name, *rest = path
    return {**document, name: _with(document[name], rest, value) if rest else value}


def validate_selector(selector: Mapping[str, Any] | None, path: str, kind: str) -> list[FieldError]:
    """Reject a missing, an invalid and an empty selector; an empty one would match every Pod."""
    if selector is None:
        return [required(path)]
    errors = validate_label_selector(selector, path)
    if is_empty(selector):
        detail = f"empty selector is invalid for {kind}"
        errors.append(invalid(path, internal_selector(selector), detail))
    return errors


def is_readable(selector: Mapping[str, Any] | None) -> bool:
    """Return whether a selector can be evaluated, even if it is not valid."""
    return not validate_label_selector(selector, "")


def validate_match(
    selector: Mapping[str, Any] | None, template: Object, path: str
) -> list[FieldError]:
    """Reject a template whose labels the selector does not match; `is_readable` must hold."""
    conditions = label_selector_of(selector)
    labels = member(template["metadata"], "labels")
    if conditions is not None and conditions.matches(labels or {}):
        return []
    return [invalid(f"{path}.metadata.labels", internal_map(labels), _MISMATCH)]


def validate_running(pod: Object, path: str, kind: str) -> list[FieldError]:
    """Reject Pods that can finish: Pods of these kinds run until they are deleted."""
    errors = []
    if pod.get("restartPolicy", "") != ALWAYS:
        policy = pod.get("restartPolicy", "")
        errors.append(not_supported(f"{path}.restartPolicy", policy, [ALWAYS]))
    if "activeDeadlineSeconds" in pod:
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        errors.append(forbidden(f"{path}.activeDeadlineSeconds", detail))
    return errors


def validate_replicated(spec: Object, old: Object | None, path: str = "spec") -> list[FieldError]:
    """Validate selector and template of ReplicaSets and Deployments."""
    selector, template = spec.get("selector"), spec["template"]
    errors = validate_selector(selector, f"{path}.selector", "deployment")
    if not is_readable(selector):
        shown = internal_selector(selector)
        errors.append(invalid(f"{path}.selector", shown, "invalid label selector"))
        return errors
    where = f"{path}.template"
    errors += validate_match(selector, template, where)
    errors += validate_pod_template(template, where, old["template"] if old else None)
    errors += validate_running(template["spec"], f"{where}.spec", "ReplicaSet")
    return errors


def validate_same_selector(spec: Object, old: Object) -> list[FieldError]:
    """Reject a change of the selector."""
    selector = spec.get("selector")
    shown = internal_selector(selector)
    return validate_same(selector, old.get("selector"), "spec.selector", shown)


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """Return a selector as text, as in list requests; empty if it has no condition."""
    return "" if is_empty(selector) else format_selector(selector)


def spec_selector_text(document: Object) -> str:
    """Return the selector of an object as text."""
    return selector_text(document["spec"].get("selector"))


def template_cells(document: Object) -> tuple[str, str]:
    """Return the cells Containers and Images."""
    template = document["spec"].get("template") or {}
    return containers_and_images(template.get("spec") or {})
