"""DefaultIngressClass: sets the default class of Ingresses."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.access.admission.default_class import newest_default_class
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import INGRESS_CLASSES, INGRESSES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of, name_of, with_spec

IS_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


class DefaultIngressClass:
    """Sets the class of Ingresses without one."""

    name = "DefaultIngressClass"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == INGRESSES and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        ingress = attributes.object
        assert ingress is not None
        if "ingressClassName" in (ingress.get("spec") or {}):
            return None
        if CLASS_ANNOTATION in annotations_of(ingress):
            return None
        class_ = newest_default_class(reader.list(INGRESS_CLASSES), _is_default)
        return with_spec(ingress, ingressClassName=name_of(class_)) if class_ else None


def _is_default(class_: Object) -> bool:
    return annotations_of(class_).get(IS_DEFAULT) == "true"
