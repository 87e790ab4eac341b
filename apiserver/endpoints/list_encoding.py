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
from apiserver.registry.yielding import SLICE, Yielder, batches, iterate_yielding

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
    """A list of items in their stored encoding, joined slice by slice while iterated; repeatable.

    Every item is ``head`` and one of ``rests``. A slice has at most `SLICE` bytes, or one item.
    """

    def __init__(self, frame: tuple[bytes, bytes], head: bytes, rests: Sequence[bytes]) -> None:
        before, self._after = frame
        self._before = before + head if rests else before
        self._between = b"," + head
        self._rests = rests
        between = len(self._between) * max(len(rests) - 1, 0)
        #: The number of bytes.
        self.size = len(self._before) + sum(map(len, rests)) + between + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        rests, before = self._rests, self._before
        for start, stop in self._slices():
            few = [*rests[start:stop]]
            few[0] = before + few[0]
            if stop == len(rests):
                few[-1] += self._after
            yield self._between.join(few)
            before = self._between
        if not rests:
            yield self._before + self._after

    def _slices(self) -> Iterator[tuple[int, int]]:
        start, between = 0, len(self._between)
        size = outside = len(self._before) + len(self._after)
        for index, rest in enumerate(self._rests):
            size += between + len(rest)
            if size > SLICE and index > start:
                yield start, index
                start, size = index, outside + between + len(rest)
        if self._rests:
            yield start, len(self._rests)


async def serialized_list(
    document: dict[str, Any], items: Sequence[Stored], *, typed: bool = False
) -> SerializedList:
    """Return the list of a document with stored items. Raises Corrupt.

    ``typed``: items have their apiVersion and kind.
    """
    rests: list[bytes] = []
    heads = set() if typed else {b"{"}
    yielder = Yielder()
    for batch in batches(items, size_of=_size_of):
        rests += [each.read_rest() if each.rest is None else each.rest for each in batch]
        if typed:
            heads |= {each.head for each in batch}
        await yielder.yield_if_due()
    head = heads.pop() if len(heads) == 1 else b""
    if heads:
        rests = [each.body async for each in iterate_yielding(items)]
    return SerializedList(COMPACT.frame({**document, "items": []}, "items"), head, rests)
