"""Stored objects in the form or the version of another kind: converted when they are sent."""

from __future__ import annotations

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.objects import Object
from apiserver.registry.stored import Stored, arrange, cut_body, parse_stored, shared_head
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
        self._origin = b"", b""
        self._stale = source.is_stale()

    def is_stale(self) -> bool:
        if self._stale:
            return True
        served = self.object
        document = self._to_stored(served)
        head, rest = self._origin
        if document is served and rest is self.rest:
            return False
        return not deep_equal(arrange(document), arrange(parse_stored(self.key, head + rest)))

    def keep(self, document: Object) -> None:
        """Keep nothing: the stored form may lack fields of the served form."""

    def _splice(self, raw: bytes) -> Object | None:
        source = self._source
        assert source is not None
        stored = None if self._own else parse_stored(self.key, source.body)
        document = None if stored is None else self._to_served(stored)
        self._keep(None if document is stored else document)
        return document

    def _keep(self, document: Object | None) -> None:
        """Take the bytes of the converted object; without one, those of the stored object."""
        source = self._source
        assert source is not None
        origin = source.read_rest()
        if document is None:
            self.head, self.rest = source.head, origin
        else:
            # Lists cut off everything before the metadata: only kind and apiVersion may precede it.
            first = {name: document[name] for name in ("kind", "apiVersion", "metadata")}
            head, self.rest = cut_body(dump_json_to_keep(first | document))
            self.head = shared_head(head)
        # The source refers to this object, and reference counting does not free cycles.
        self._origin, self._source = (source.head, origin), None

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
