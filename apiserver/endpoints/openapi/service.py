"""/openapi/v2 and /openapi/v3: builds and caches the documents.

Documents are built on first request, in a thread, and kept compressed; the code that builds them is
imported then. The entity tag is a digest of the content, so the index of version 3, which lists the
tags of all documents, requires each of them to be built once, but for those of custom kinds, whose
tag is a digest of their definitions. A document is rebuilt when the resources in it change.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from apiserver.endpoints.openapi.document import Document, Source
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.times import Clock, system_clock
from apiserver.registry.yielding import Yielder
from apiserver.resources.catalog import Catalog
from apiserver.resources.definition import ResourceDefinition
from apiserver.version import GIT_VERSION, MINOR

if TYPE_CHECKING:
    from apiserver.endpoints.openapi.builder import DocumentBuilder

T = TypeVar("T")
Schema = dict[str, Any]
CustomSchema = Callable[[ResourceDefinition], Schema | None]

#: Version 3 documents outside of all groups.
STANDALONE = ("api", "apis", "version", ".well-known/openid-configuration", "openid/v1/jwks")


def _as_protobuf(document: Document, version: int) -> Document:
    from apiserver.endpoints.openapi.builder import as_protobuf

    return as_protobuf(document, version)


@cache
def _code() -> bytes:
    """Return a digest of the code that builds documents, for the key of their cache."""
    digest = hashlib.sha512(GIT_VERSION.encode())
    for file in sorted(files(__package__).iterdir(), key=attrgetter("name")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.digest()


def _tag_of(source: Source) -> str:
    """Return the entity tag of the document of custom kinds, ``""`` for others.

    It is made of the source: there may be thousands of such documents, and most are never asked
    for. It is the same in every server.
    """
    if not source.definitions or not all(each.form for each in source.definitions):
        return ""
    return hashlib.sha512(_code() + repr(source.definitions).encode()).hexdigest().upper()


def _no_schema(definition: ResourceDefinition) -> Schema | None:
    return None


class OpenAPIService:
    """The documents of a catalogue; ``custom_schema`` returns the schemas of custom kinds.

    The schemas of built-in kinds are those of Kubernetes 1.``minor``.
    """

    def __init__(
        self,
        catalog: Catalog,
        custom_schema: CustomSchema = _no_schema,
        clock: Clock | None = None,
        minor: str = MINOR,
    ) -> None:
        self._minor = minor
        self._catalog = catalog
        self._clock = clock or system_clock()
        self._custom_schema = custom_schema
        self._making = asyncio.Lock()
        self._tags: dict[str, tuple[Source, str]] = {}
        self._made: dict[str, tuple[Source, Document]] = {}
        self._whole: tuple[int, Document] | None = None
        self._protobuf: dict[str, Document] = {}
        self._index: tuple[int, Document] | None = None

    async def v2(self) -> Document:
        """Return the version 2 document."""
        async with self._making:
            generation = self._catalog.generation
            if self._whole is None or self._whole[0] != generation:
                document = await self._make(
                    self._sources().values(), lambda builder: builder.whole()
                )
                self._whole = generation, self._dated(document)
            return self._whole[1]

    async def v2_protobuf(self) -> Document:
        """Return the version 2 document in protobuf form, with the same entity tag."""
        return await self._in_protobuf("", await self.v2(), 2)

    async def v3_index(self) -> Document:
        """Return the version 3 index: the URL of each document, with its entity tag."""
        async with self._making:
            generation = self._catalog.generation
            if self._index is None or self._index[0] != generation:
                modified = int(self._clock.time())
                if self._index is not None:
                    # If-Modified-Since counts in seconds: each version needs its own.
                    modified = max(modified, self._index[1].modified) + 1
                document = replace(await self._make_index(), modified=modified)
                self._index = generation, document
            return self._index[1]

    async def v3(self, name: str) -> Document | None:
        """Return a version 3 document, ``None`` if the name is unknown."""
        async with self._making:
            source = self._sources().get(name)
            if source is None:
                return None
            known = self._made.get(name)
            if known is not None and known[0] == source:
                return known[1]
            document = self._dated(await self._make([source], lambda builder: builder.only()))
            tag = _tag_of(source)
            if tag:
                document = replace(document, etag=tag)
            self._made[name] = source, document
            self._tags[name] = source, document.etag
            return document

    async def v3_protobuf(self, name: str) -> Document | None:
        """Return a version 3 document in protobuf form, with the same entity tag."""
        document = await self.v3(name)
        return None if document is None else await self._in_protobuf(name, document, 3)

    async def _in_protobuf(self, name: str, document: Document, version: int) -> Document:
        made = self._protobuf.get(name)
        if made is None or made.etag != document.etag:
            made = await asyncio.to_thread(_as_protobuf, document, version)
            self._protobuf[name] = made
        return made

    def _dated(self, document: Document) -> Document:
        return replace(document, modified=int(self._clock.time()))

    async def _make_index(self) -> Document:
        sources = self._sources()
        stale = [
            source
            for name, source in sources.items()
            if name not in self._tags or self._tags[name][0] != source
        ]
        made = {source.name: _tag_of(source) for source in stale}
        unknown = [source for source in stale if not made[source.name]]
        if unknown:
            made |= await self._make(unknown, lambda builder: builder.tags())
        self._tags.update({source.name: (source, made[source.name]) for source in stale})
        self._tags = {name: self._tags[name] for name in sources}
        self._made = {name: made for name, made in self._made.items() if name in sources}
        kept = {"", *sources}
        self._protobuf = {name: made for name, made in self._protobuf.items() if name in kept}
        return await self._make(
            [], lambda builder: builder.index({name: tag for name, (_, tag) in self._tags.items()})
        )

    async def _make(self, sources: Iterable[Source], make: Callable[[DocumentBuilder], T]) -> T:
        wanted = list(sources)
        # Custom schemas are looked up on the event loop; the thread reads only immutable data.
        schemas: dict[GroupVersionKind, Schema | None] = {}
        yielder = Yielder()
        for source in wanted:
            for definition in source.definitions:
                if definition.custom:
                    schemas[definition.gvk] = self._custom_schema(definition)
            await yielder.yield_if_due()

        def work() -> T:
            from apiserver.endpoints.openapi.builder import DocumentBuilder

            return make(DocumentBuilder(wanted, schemas, self._minor))

        return await asyncio.to_thread(work)

    def _sources(self) -> Mapping[str, Source]:
        return self._catalog.derived("openapi", self._all_sources)

    def _all_sources(self) -> Mapping[str, Source]:
        sources = [Source(name) for name in STANDALONE]
        for group in self._catalog.groups():
            if group and self._catalog.has_builtin_group(group):
                sources.append(Source(f"apis/{group}", group))
            for version in self._catalog.versions(group):
                name = f"apis/{group}/{version}" if group else f"api/{version}"
                definitions = tuple(self._catalog.resources(group, version))
                # A definition without a form may have another schema when it is replaced.
                custom = any(each.custom and not each.form for each in definitions)
                generation = self._catalog.changed(group, version) if custom else 0
                sources.append(Source(name, group, version, definitions, generation))
        return {source.name: source for source in sources}
