"""An OpenAPI document, and its sources."""

from __future__ import annotations

import gzip

from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.definition import ResourceDefinition


@valueclass
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


@valueclass
class Source:
    """The input of a version 3 document; equal sources produce equal documents."""

    name: str
    group: str = ""
    version: str = ""
    definitions: tuple[ResourceDefinition, ...] = ()
    generation: int = 0
