"""An OpenAPI document, and what it is made from."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from apiserver.resources.definition import ResourceDefinition


@dataclass(frozen=True, slots=True)
class Document:
    """A compressed document; ``etag`` has no quotes, ``size`` is the uncompressed size.

    ``modified`` is when it was made, in seconds since 1970.
    """

    etag: str
    size: int
    compressed: bytes
    modified: int = 0

    def plain(self) -> bytes:
        """Return the uncompressed document."""
        return gzip.decompress(self.compressed)


@dataclass(frozen=True, slots=True)
class Source:
    """The input of a version 3 document; equal sources produce equal documents."""

    name: str
    group: str = ""
    version: str = ""
    definitions: tuple[ResourceDefinition, ...] = ()
    generation: int = 0
