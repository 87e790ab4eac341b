"""The stored and the sent form of objects; only this module maps revisions to resourceVersions.

The stored form is the object's JSON without its resourceVersion, beginning with ``kind``,
``apiVersion`` and ``metadata`` in this order. The sent form is the stored bytes with the revision
inserted: sending an object does not decode it. It is kept in two parts, cut in front of the
metadata, since an item of a list has no kind and apiVersion. All objects of a kind share the first
part. Values that another server stored in a different order are converted when they are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, TypeAlias

import orjson

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.objects import Object
from storage.errors import Corrupt, TransformError
from storage.interface import Record

_ENCRYPTED: Final = b"k8s:enc:"
_KIND = b'{"kind":"'
_VERSION = b'","apiVersion":"'
_AFTER_VERSION = b'",'
_METADATA = b'"metadata":{'
#: The members that come first.
_HEAD: Final[Object] = {"kind": "", "apiVersion": "", "metadata": {}}
_UID, _OWNERS, _DELETION = b'"uid":"', b'"ownerReferences":[', b'"deletionTimestamp":"'
IDENTITY_REFUSES: Final = "identity transformer tried to read encrypted data"

NO_LABELS: Final[Mapping[str, str]] = {}
#: How many other versions of an object are cached.
MAX_CONVERTED: Final = 4

#: Converts an object to another version.
Convert: TypeAlias = Callable[[Object], Object]


class _Decoded:
    """A cache of recently decoded objects; the oldest are evicted when there are too many."""

    MAX_OBJECTS: Final = 1000
    MAX_BYTES: Final = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._queue: deque[Stored] = deque()
        self._bytes = 0

    def add(self, stored: Stored) -> None:
        queue = self._queue
        queue.append(stored)
        self._bytes += stored.size
        while len(queue) > self.MAX_OBJECTS or (self._bytes > self.MAX_BYTES and len(queue) > 1):
            oldest = queue.popleft()
            oldest._object = None
            self._bytes -= oldest.size


_decoded = _Decoded()


class Stored:
    """One stored object: the bytes to send, and the object, decoded on demand.

    ``labels`` and ``fields`` are what selectors match; they are computed for the first selector
    that is evaluated on the object, and cached. ``size`` is the size in the store, in bytes.
    ``head`` and ``rest`` are the two parts of the bytes to send: the beginning of the object with
    its kind and apiVersion, and the metadata and all that follows. ``rest`` is ``None``, and
    ``head`` empty, until `read_rest` has made them from the stored bytes.
    """

    __slots__ = (
        "_object", "_raw", "converted", "fields", "head", "key", "labels", "rest", "revision",
        "size",
    )  # fmt: skip

    def __init__(self, key: str, raw: bytes, revision: int) -> None:
        self.key = key
        self._raw = raw
        self.head = b""
        self.rest: bytes | None = None
        self._object: Object | None = None
        self.labels: Mapping[str, str] | None = None
        self.fields: Mapping[str, str] | None = None
        self.revision = revision
        self.size = len(raw)
        #: Records of the same state in other versions, by conversion function.
        self.converted: Mapping[Convert, Record[Stored]] = _NOT_CONVERTED

    @property
    def body(self) -> bytes:
        """The JSON of the object with its resourceVersion, put together. Raises Corrupt."""
        rest = self.read_rest() if self.rest is None else self.rest
        return self.head + rest

    @property
    def api_version(self) -> str:
        """The apiVersion of the object, found without decoding it. Raises Corrupt."""
        self.read_rest()
        head = self.head
        return head[head.find(_VERSION) + len(_VERSION) : -len(_AFTER_VERSION)].decode()

    def read_rest(self) -> bytes:
        """Return ``rest``, and keep it. Raises Corrupt."""
        if self.rest is None:
            self._splice(self._raw)
            assert self.rest is not None
        return self.rest

    @property
    def object(self) -> Object:
        """The object with its resourceVersion; shared, never to be mutated. Raises Corrupt."""
        known = self._object
        if known is None:
            known = self._object = self._read()
            _decoded.add(self)
        return known

    def decoded(self) -> Object:
        """Return the same without keeping it, for readers of many objects. Raises Corrupt."""
        return self._object or self._read()

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's metadata."""
        metadata: dict[str, Any] = self.object["metadata"]
        return metadata

    @property
    def plain_uid(self) -> str | None:
        """The uid of an object without owners that is not being deleted, found without decoding it.

        ``None``: the object has to be decoded, for its uid or for its owners or finalizers.
        """
        raw = self._raw if self.rest is None else self.rest
        found = raw.find(_UID)
        # After the beginning of a map it may be the name of a label, for example.
        if found < 0 or raw.find(b"{", raw.find(_METADATA) + len(_METADATA), found) >= 0:
            return None
        if _OWNERS in raw or _DELETION in raw:
            return None
        start = found + len(_UID)
        return raw[start : raw.index(b'"', start)].decode()

    def keep(self, document: Object) -> None:
        """Cache the object that was stored, which has another resourceVersion or none.

        Watches of its kind then do not have to decode it.
        """
        if self._object is None:
            document = arrange(document)
            metadata = {"resourceVersion": str(self.revision), **document["metadata"]}
            self._object = {**document, "metadata": metadata}
            _decoded.add(self)

    def read_labels(self) -> Mapping[str, str]:
        """Return the labels, and cache them."""
        document = self.decoded()
        self.labels = document["metadata"].get("labels") or NO_LABELS
        return self.labels

    def read_fields(self, read: Callable[[Object], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the selectable fields as computed by ``read``, and cache them."""
        self.fields = read(self.decoded())
        return self.fields

    def is_deleting(self) -> bool:
        """Return whether the object is known to be being deleted. Raises Corrupt."""
        try:
            return "deletionTimestamp" in self.metadata
        except TransformError:
            return False

    def is_stale(self) -> bool:
        """Return whether storing the object again would change what is stored. Raises Corrupt."""
        return False

    def at(self, revision: int) -> Stored:
        """Return the same object with another resourceVersion, such as that of its deletion."""
        return Stored(self.key, dump_json_to_keep(arrange(self.object)), revision)

    def keep_converted(self, convert: Convert, record: Record[Stored]) -> None:
        """Cache the record of the same state in another version."""
        # Replaced definitions leave stale entries behind; the bound keeps them from adding up.
        known = self.converted if len(self.converted) < MAX_CONVERTED else _NOT_CONVERTED
        self.converted = {**known, convert: record}

    @classmethod
    def to_write(cls, document: Object) -> Stored:
        """Return an object to be stored; it has no revision yet, and no body."""
        value = cls("", b"", 0)
        value.rest = b""
        value._object = document
        return value

    @classmethod
    def preview(cls, key: str, document: Object, revision: int) -> Stored:
        """Return an object for a response that differs from the stored one."""
        body = orjson.dumps(document)
        shown = cls(key, b"", revision)
        shown._object = document
        shown.head, shown.rest = cut_body(body)
        shown.size = len(body)
        return shown

    def _read(self) -> Object:
        """Return the object, decoded, without keeping it."""
        decoded = self._splice(self._raw) if self.rest is None else None
        return parse_stored(self.key, self.body) if decoded is None else decoded

    def _splice(self, raw: bytes) -> Object | None:
        """Make the two parts of the body; return the object if it had to be decoded for it."""
        cut = _metadata_after_kind_and_version(raw)
        if cut < 0:
            raw = _rearranged(self.key, raw)
            cut = _metadata_after_kind_and_version(raw)
            if cut < 0:
                raise Corrupt(self.key, "its kind and its apiVersion are no names")
        start = cut + len(_METADATA)
        comma = b"" if raw[start : start + 1] == b"}" else b","
        version = b'"resourceVersion":"%d"' % self.revision
        self.head = shared_head(raw[:cut])
        self.rest = b"".join((_METADATA, version, comma, raw[start:]))
        self._raw = b""
        return None


_NOT_CONVERTED: Final[Mapping[Convert, Record[Stored]]] = {}
_heads: dict[bytes, bytes] = {}


def shared_head(head: bytes) -> bytes:
    """Return the one copy of the bytes in front of the metadata that objects of a kind share."""
    return _heads.setdefault(head, head)


def cut_body(body: bytes) -> tuple[bytes, bytes]:
    """Return JSON in two parts, cut in front of the metadata if there are any."""
    cut = max(body.find(_METADATA), 0)
    return body[:cut], body[cut:]


def arrange(document: Object) -> Object:
    """Return ``document`` in its stored form: members in order, without a resourceVersion."""
    metadata = document.get("metadata") or {}
    if "resourceVersion" in metadata:
        metadata = {**metadata}
        del metadata["resourceVersion"]
    elif (*islice(document, len(_HEAD)),) == (*_HEAD,):
        return document
    return {**_HEAD, **document, "metadata": metadata}


def _metadata_after_kind_and_version(raw: bytes) -> int:
    """Return the offset of the metadata, -1 if they are not in the expected place."""
    if not raw.startswith(_KIND):
        return -1
    end = raw.find(b'"', len(_KIND))
    if not raw.startswith(_VERSION, end):
        return -1
    end = raw.find(b'"', end + len(_VERSION))
    cut = end + len(_AFTER_VERSION)
    return cut if raw.startswith(_AFTER_VERSION + _METADATA, end) else -1


def parse_stored(key: str, data: bytes) -> Object:
    """Return the object of a stored form or a body. Raises Corrupt and TransformError."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if data.startswith(_ENCRYPTED):
            # What kube-apiserver says of an encrypted object if it is not configured to decrypt.
            raise TransformError(key, IDENTITY_REFUSES) from error
        raise Corrupt(key, f"it is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise Corrupt(key, "it is not an object with metadata")
    return document


def _rearranged(key: str, raw: bytes) -> bytes:
    document = parse_stored(key, raw)
    if "kind" not in document or "apiVersion" not in document:
        raise Corrupt(key, "it has no kind or no apiVersion")
    return orjson.dumps(arrange(document))
