"""Merge patches that change the finalizers of an object in one of its states. Pure."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.objects import Object


def finalizers_of(document: Object) -> list[str]:
    """Return the finalizers in the metadata of an object."""
    return list(document["metadata"].get("finalizers") or ())


def finalizer_addition(document: Object, finalizer: str) -> Object:
    """Return the patch that adds a finalizer."""
    return replacing(document, finalizers=[*finalizers_of(document), finalizer])


def finalizer_removal(document: Object, finalizer: str) -> Object | None:
    """Return the patch that removes a finalizer, ``None`` if the object does not have it."""
    finalizers = finalizers_of(document)
    if finalizer not in finalizers:
        return None
    return replacing(document, finalizers=[each for each in finalizers if each != finalizer])


def replacing(document: Object, **members: Any) -> Object:
    """Return the patch that replaces members of the metadata, if the object has not changed."""
    metadata = document["metadata"]
    preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    return {"metadata": {**preconditions, **members}}
