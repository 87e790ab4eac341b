"""An OpenAPI document, and what it is made from."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from apiserver.resources.definition import ResourceDefinition


@dataclass(frozen=True, slots=True)
class Document:
    """A document, compressed; ``etag`` is without its quotes, ``size`` that of the whole."""

    etag: str
    size: int
    compressed: bytes

    def plain(self) -> bytes:
        """Return the document as it was before it was compressed."""
        return gzip.decompress(self.compressed)


@dataclass(frozen=True, slots=True)
class Source:
    """What a document of version 3 is made of; equal sources make equal documents."""

    name: str
    group: str = ""
    version: str = ""
    definitions: tuple[ResourceDefinition, ...] = ()
    generation: int = 0
