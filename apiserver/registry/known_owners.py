"""Decoding of objects whose managedFields come from the server itself.

They are canonical as they are, and often longer than the rest of the object. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from apiserver.machinery.objects import Object
from apiserver.schema.kindtypes import Canonical, Decoded

D = TypeVar("D", Canonical, Decoded, Canonical | Decoded)


def decode_with_known_owners(decode: Callable[[Object], D], document: Object) -> D:
    """Return a decoded document with its managedFields as they are. Raises what ``decode`` does."""
    metadata = {**document["metadata"]}
    owners = metadata.pop("managedFields", None)
    decoded = decode({**document, "metadata": metadata})
    if owners is not None:
        # A decoded document shares no part with another.
        decoded.object["metadata"]["managedFields"] = owners
    return decoded
