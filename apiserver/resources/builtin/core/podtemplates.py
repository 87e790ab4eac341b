"""PodTemplate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.labelselector import format_map
from apiserver.resources.builtin.parts.podtemplate import (
    containers_and_images,
    default_pod_template,
    drop_disabled_fields,
    validate_pod_template,
    warnings_for_pod_template,
)
from apiserver.resources.printing import NAME, Column, Printer
from apiserver.resources.strategy import CHANGE, Strategy

_COLUMNS: Final = (
    NAME,
    Column("Containers", "Names of each container in the template."),
    Column("Images", "Images referenced by each container in the template."),
    Column("Pod Labels", "The labels for the pod template."),
)


def _cells(document: Object, now: float) -> list[Any]:
    template, name = document["template"], document["metadata"].get("name", "")
    labels: Mapping[str, str] | None = (template.get("metadata") or {}).get("labels")
    return [name, *containers_and_images(template["spec"]), format_map(labels)]


class PodTemplateStrategy(Strategy):
    """A PodTemplate stores a Pod template as an object of its own."""

    metadata_checks = (CHANGE,)
    generation_of = ("template",)
    returns_deleted_object = True
    printer = Printer(_COLUMNS, _cells)

    def default(self, document: Object) -> None:
        default_pod_template(document["template"])

    def prepare_for_create(self, document: Object) -> Object:
        return {**document, "template": drop_disabled_fields(document["template"])}

    def validate(self, document: Object) -> list[FieldError]:
        return validate_pod_template(document["template"], "template")

    def warnings_on_create(self, document: Object) -> list[str]:
        return warnings_for_pod_template(document["template"], "template")

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        template = drop_disabled_fields(document["template"], old["template"])
        return {**document, "template": template}

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_pod_template(document["template"], "template", old["template"])

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        if document["template"] == old["template"]:
            return []
        return warnings_for_pod_template(document["template"], "template", old["template"])


STRATEGY = PodTemplateStrategy
