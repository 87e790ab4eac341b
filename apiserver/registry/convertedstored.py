"""Stored objects in the form or the version of another kind: converted when they are sent."""

from __future__ import annotations

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.objects import Object
from apiserver.registry.stored import Stored, arrange, parse_stored
from apiserver.resources.conversion import Conversion
from apiserver.schema.kindtypes import Inconvertible
from storage.errors import Corrupt


class ConvertedStored(Stored):
    """A stored object in another form or version; it is converted when its bytes are requested.

    The bytes are those of the stored object if the conversion changes nothing. ``own``: this
    process has just written it in the served form.
    """

    __slots__ = ("_conversion", "_origin", "_own", "_source", "_stale")

    def __init__(self, source: Stored, conversion: Conversion, *, own: bool = False) -> None:
        super().__init__(source.key, b"", source.revision)
        self.size = source.size
        self._source: Stored | None = source
        self._conversion = conversion
        self._own = own
        self._origin = b""
        self._stale = source.is_stale()

    def is_stale(self) -> bool:
        if self._stale:
            return True
        served = self.object
        document = self._to_stored(served)
        if document is served and self._origin is self.body:
            return False
        return not deep_equal(arrange(document), arrange(parse_stored(self.key, self._origin)))

    def keep(self, document: Object) -> None:
        """Keep nothing: what is stored may have less than the served form."""

    def _splice(self, raw: bytes) -> Object | None:
        source = self._source
        assert source is not None
        stored = None if self._own else parse_stored(self.key, source.body)
        document = None if stored is None else self._to_served(stored)
        self._keep(None if document is stored else document)
        return document

    def _keep(self, document: Object | None) -> None:
        """Make the body from the converted object; without one, it is that of the stored object."""
        source = self._source
        assert source is not None
        body = source.body
        if document is None:
            self._body, self._head = body, source._head
        else:
            # Lists cut off what precedes the metadata, so nothing but kind and apiVersion may.
            first = {name: document[name] for name in ("kind", "apiVersion", "metadata")}
            self._set_body(dump_json_to_keep(first | document))
        # The source refers to this object, and reference counting does not free cycles.
        self._origin, self._source, self._raw = body, None, None

    def _to_served(self, document: Object) -> Object:
        try:
            return self._conversion.to_served(document)
        except Inconvertible as error:
            raise Corrupt(self.key, str(error)) from error

    def _to_stored(self, document: Object) -> Object:
        try:
            return self._conversion.to_stored(document)
        except Inconvertible as error:
            raise Corrupt(self.key, str(error)) from error
