"""How volumes may be mounted, as tables show it, and the class that a volume or a claim is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.machinery.objects import Object, metadata_of

_SHORT: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"


def shown_modes(modes: Sequence[str] | None) -> str:
    """Return access modes in short: ``RWO,ROX``."""
    return ",".join(short for mode, short in _SHORT.items() if mode in (modes or ()))


def class_of(document: Object, spec: dict[str, Any]) -> str:
    """Return the name of the StorageClass of a volume or a claim."""
    annotations: dict[str, str] = metadata_of(document).get("annotations") or {}
    if CLASS_ANNOTATION in annotations:
        return annotations[CLASS_ANNOTATION]
    return spec.get("storageClassName") or ""
