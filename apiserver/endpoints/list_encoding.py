"""Encodes long lists a few items at a time, so that other requests are served in between.

The output is byte for byte what the encoder of the whole document would write. The document is
encoded with an empty list and cut where the items belong; items are encoded as short lists, whose
brackets are then removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from apiserver.machinery.documents import dump_json, dump_json_indented, dump_yaml
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.offload import offload
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import Yielder, batches

# Encoding an item takes much longer than filtering one, so fewer are done at a time.
_BATCH_SIZE: Final = 10

_size_of: Final = attrgetter("size")
Render = Callable[[Sequence[Stored]], list[Any]]


@valueclass
class ListFormat:
    """How a document and its items are written apart; ``empty`` is the form of an empty list."""

    dump: Callable[[Any], bytes]
    empty: bytes
    opening: bytes
    closing: bytes
    between: bytes
    #: Removes the opening and the closing from the encoding of a list.
    inner: Callable[[bytes], bytes]
    end: bytes = b""

    def frame(self, document: dict[str, Any], member: str) -> tuple[bytes, bytes]:
        """Return the bytes before and after the items of the empty list ``member``."""
        data = self.dump(document)
        # Inside a string the quotation mark or line break is escaped: the first match is the list.
        before, found, after = data.partition(self.empty % member.encode())
        assert found, f"no empty {member} in {data[:100]!r}"
        return before + self.opening % member.encode(), self.closing + after + self.end


def _deeper(data: bytes) -> bytes:
    return b"  " + data[2:-2].replace(b"\n", b"\n  ")


COMPACT: Final = ListFormat(
    dump_json, b'"%b":[]', b'"%b":[', b"]", b",", lambda data: data[1:-1], end=b"\n"
)
INDENTED: Final = ListFormat(
    dump_json_indented, b'"%b": []', b'"%b": [\n', b"\n  ]", b",\n", _deeper
)
AS_YAML: Final = ListFormat(dump_yaml, b"%b: []\n", b"%b:\n", b"", b"", lambda data: data)


async def encode_list(
    document: dict[str, Any], member: str, items: Sequence[Stored], show: Render, form: ListFormat
) -> list[bytes]:
    """Return a document in parts, with items as its ``member``. Raises Corrupt."""
    head, tail = form.frame({**document, member: []}, member)
    parts = [head]
    yielder = Yielder()
    for batch in batches(items, _BATCH_SIZE, _size_of):
        if len(parts) > 1:
            parts.append(form.between)
        data = await offload(sum(map(_size_of, batch)), form.dump, show(batch))
        parts.append(form.inner(data))
        await yielder.yield_if_due()
    parts.append(tail)
    return parts


class SerializedList:
    """A list of items in their stored encoding, produced while iterated. It is repeatable.

    ``typed``: items have their apiVersion and kind.
    """

    def __init__(
        self, document: dict[str, Any], items: Sequence[Stored], *, typed: bool = False
    ) -> None:
        self._head, self._tail = COMPACT.frame({**document, "items": []}, "items")
        self._items = items
        self._item = attrgetter("body" if typed else "item")
        self._size: Callable[[Stored], int] = _body_size if typed else attrgetter("item_size")

    def __iter__(self) -> Iterator[bytes]:
        separator = self._head
        for stored in self._items:
            yield separator
            yield self._item(stored)
            separator = b","
        yield self._tail if self._items else self._head + self._tail

    def to_bytes(self) -> bytes:
        """Return the whole list. Use it for short lists."""
        return self._head + b",".join(map(self._item, self._items)) + self._tail

    async def size(self) -> int:
        """Return the number of bytes. Raises Corrupt."""
        commas = max(len(self._items) - 1, 0)
        total = len(self._head) + len(self._tail) + commas
        yielder = Yielder()
        for batch in batches(self._items, size_of=_size_of):
            total += sum(map(self._size, batch))
            await yielder.yield_if_due()
        return total


def _body_size(stored: Stored) -> int:
    return len(stored.body)
