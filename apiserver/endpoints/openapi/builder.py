"""Builds OpenAPI documents. It is slow and runs in a thread; pure but for reading one file."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from apiserver.endpoints.openapi import custom, v2, v2protobuf, v3, v3protobuf
from apiserver.endpoints.openapi.definitions import META, Definitions, Schema
from apiserver.endpoints.openapi.discovery_paths import group_path, index_path, standalone_paths
from apiserver.endpoints.openapi.document import Document, Source
from apiserver.endpoints.openapi.operations import Path
from apiserver.endpoints.openapi.resource_paths import resource_paths
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.version import MINOR

_LEVEL = 3
_ENCODERS = {2: v2protobuf.encode, 3: v3protobuf.encode}
_OF_CUSTOM = {f"{META}{name}" for name in ("ObjectMeta", "ListMeta")}


class DocumentBuilder:
    """Builds the documents of ``sources``; schemas of custom kinds are passed in.

    Those of the built-in kinds are of Kubernetes 1.``minor``.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        schemas: Mapping[GroupVersionKind, Schema | None],
        minor: str = MINOR,
    ) -> None:
        self._sources = sources
        self._schemas = schemas
        self._minor = minor
        self._read: Definitions | None = None

    def only(self) -> Document:
        """Return the document of the only source."""
        (source,) = self._sources
        return _document(self._one(source))

    def tags(self) -> dict[str, str]:
        """Return the entity tags of the documents of all sources."""
        return {source.name: _tag(_dump(self._one(source))) for source in self._sources}

    def index(self, tags: Mapping[str, str]) -> Document:
        """Return the index of the documents with these entity tags."""
        return _document({
            "paths": {
                name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={tag}"}
                for name, tag in tags.items()
            }
        })  # fmt: skip

    def whole(self) -> Document:
        """Return the version 2 document of all sources."""
        paths = [path for source in self._sources for path in self._paths(source)]
        added: dict[str, Schema] = {}
        for source in self._sources:
            added |= self._custom_schemas(source)
        schemas = {name: self._definitions.plain(name) for name in self._needed(paths, added)}
        schemas |= {
            name: v2.reduced(custom.without_members(schema)) for name, schema in added.items()
        }
        return _document(v2.document(paths, schemas))

    def _one(self, source: Source) -> dict[str, Any]:
        paths, added = self._paths(source), self._custom_schemas(source)
        schemas = {name: self._definitions.defaulted(name) for name in self._needed(paths, added)}
        return v3.document(paths, schemas | added, v3.CUSTOM if added else v3.BUILT_IN)

    @property
    def _definitions(self) -> Definitions:
        if self._read is None:
            self._read = Definitions(self._minor)
        return self._read

    def _paths(self, source: Source) -> list[Path]:
        if not source.group and not source.version:
            return [standalone_paths()[source.name]]
        if not source.version:
            return [group_path(source.group)]
        paths = []
        # The discovery path of custom resources is not in the document of their group.
        if not all(definition.custom for definition in source.definitions):
            paths.append(index_path(source.group, source.version))
        for definition in source.definitions:
            paths += resource_paths(definition, self._model)
        return paths

    def _model(self, kind: GroupVersionKind) -> str:
        return self._definitions.model(kind) or custom.model_name(kind)

    def _custom_schemas(self, source: Source) -> dict[str, Schema]:
        schemas: dict[str, Schema] = {}
        for definition in source.definitions:
            if definition.custom:
                schemas |= custom.schemas(definition, self._schemas[definition.gvk])
        return schemas

    def _needed(self, paths: Iterable[Path], custom_schemas: Mapping[str, Schema]) -> list[str]:
        roots = {name for path in paths for name in path.models()}
        return self._definitions.closure(roots | _OF_CUSTOM if custom_schemas else roots)


def as_protobuf(document: Document, version: int) -> Document:
    """Return a document of version 2 or 3 in protobuf form, with the same entity tag."""
    data = _ENCODERS[version](orjson.loads(document.plain()))
    compressed = gzip.compress(data, _LEVEL, mtime=0)
    return replace(document, size=len(data), compressed=compressed)


def _document(content: dict[str, Any]) -> Document:
    data = _dump(content)
    return Document(_tag(data), len(data), gzip.compress(data, _LEVEL, mtime=0))


def _dump(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _tag(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest().upper()
