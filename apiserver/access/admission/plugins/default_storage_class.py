"""DefaultStorageClass: sets the default class of PersistentVolumeClaims."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.access.admission.default_class import newest_default_class
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import CLAIMS, STORAGE_CLASSES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of, name_of, with_spec

IS_DEFAULT: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"


class DefaultStorageClass:
    """Sets the class of claims without one; an empty name counts as a class."""

    name = "DefaultStorageClass"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == CLAIMS and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        claim = attributes.object
        assert claim is not None
        if CLASS_ANNOTATION in annotations_of(claim) or "storageClassName" in claim["spec"]:
            return None
        class_ = newest_default_class(reader.list(STORAGE_CLASSES), _is_default)
        return with_spec(claim, storageClassName=name_of(class_)) if class_ else None


def _is_default(class_: Object) -> bool:
    annotations = annotations_of(class_)
    return any(annotations.get(name) == "true" for name in IS_DEFAULT)
