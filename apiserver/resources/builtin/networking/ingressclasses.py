"""IngressClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.domainpaths import validate_domain_prefixed_path
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.builtin.networking.references import validate_local_reference
from apiserver.resources.printing import AGE, NAME, NONE, Column, Printer, age_of
from apiserver.resources.strategy import Strategy

IS_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
_LONGEST: Final = 250
_SCOPES: Final = ("Cluster", "Namespace")
_PARAMETERS: Final = "spec.parameters"

COLUMNS: Final = (
    NAME,
    Column("Controller", "Controller that is responsible for handling this class"),
    Column("Parameters", "A reference to a resource with additional parameters"),
    AGE,
)


def is_default(document: Object) -> bool:
    """Return whether a class is that of Ingresses that name none."""
    annotations: dict[str, str] = metadata_of(document).get("annotations") or {}
    return annotations.get(IS_DEFAULT) == "true"


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec = document["metadata"], document.get("spec") or {}
    parameters = spec.get("parameters")
    shown = NONE
    if parameters is not None:
        group = f".{parameters['apiGroup']}" if "apiGroup" in parameters else ""
        shown = f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"
    name = metadata.get("name", "")
    return [
        f"{name} (default)" if is_default(document) else name,
        spec.get("controller", ""),
        shown,
        age_of(metadata.get("creationTimestamp"), now),
    ]


class IngressClassStrategy(Strategy):
    """An IngressClass names the controller of its Ingresses, which is immutable."""

    generation_of = ("spec",)
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        parameters = (document.get("spec") or {}).get("parameters")
        if parameters is not None and parameters.get("scope") is None:
            parameters["scope"] = "Cluster"

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        controller = spec.get("controller", "")
        path = "spec.controller"
        if controller:
            errors = [too_long(path, _LONGEST)] if len(controller.encode()) > _LONGEST else []
            errors += validate_domain_prefixed_path(controller, path)
        else:
            errors = [required(path)]
        parameters = spec.get("parameters")
        return errors if parameters is None else errors + _validate_parameters(parameters)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        new, before = (d.get("spec") or {} for d in (document, old))
        errors = []
        if new.get("controller") != before.get("controller"):
            value = new.get("controller", "")
            errors.append(invalid("spec.controller", value, "field is immutable"))
        return errors + self.validate(document)


def _validate_parameters(parameters: dict[str, Any]) -> list[FieldError]:
    scope, namespace = parameters.get("scope", ""), parameters.get("namespace")
    errors = validate_local_reference(parameters, _PARAMETERS)
    path = f"{_PARAMETERS}.namespace"
    if scope not in _SCOPES:
        errors.append(not_supported(f"{_PARAMETERS}.scope", scope, _SCOPES))
    elif scope == "Cluster" and namespace is not None:
        errors.append(forbidden(path, "`parameters.scope` is set to 'Cluster'"))
    elif scope == "Namespace" and namespace is None:
        errors.append(required(path, "`parameters.scope` is set to 'Namespace'"))
    elif namespace is not None:
        errors += [invalid(path, namespace, text) for text in dns1123_label_problems(namespace)]
    return errors


STRATEGY = IngressClassStrategy
