"""Encodes long lists a few items at a time, so that other requests are served in between.

The output is byte for byte what the encoder of the whole document would write. The document is
encoded with an empty list and cut where the items belong; items are encoded as short lists, whose
brackets are then removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apiserver.machinery.documents import dump_json, dump_json_indented, dump_yaml
from apiserver.registry.codec import Stored
from apiserver.registry.turns import Turn, few_at_a_time

# To encode takes much longer than to look at something.
_FEW: Final = 10

Render = Callable[[Sequence[Stored]], list[Any]]


@dataclass(frozen=True, slots=True)
class ListFormat:
    """How a document is written with its items apart: ``empty`` is how a list without items is."""

    dump: Callable[[Any], bytes]
    empty: bytes
    opening: bytes
    closing: bytes
    between: bytes
    #: A list of some items -> what stands between the opening and the closing.
    inner: Callable[[bytes], bytes]
    end: bytes = b""

    def frame(self, document: dict[str, Any], member: str) -> tuple[bytes, bytes]:
        """Return what comes before the items of ``member``, which has none, and after them."""
        data = self.dump(document)
        # Within a string the quotation mark, or the line, would not be there as it is.
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
    """Return the parts of a document whose ``member`` is made of items. Raises Corrupt."""
    head, tail = form.frame({**document, member: []}, member)
    parts = [head]
    turn = Turn()
    for some in few_at_a_time(items, _FEW):
        if len(parts) > 1:
            parts.append(form.between)
        parts.append(form.inner(form.dump(show(some))))
        await turn.over()
    parts.append(tail)
    return parts


class SerializedList:
    """A list whose items are sent as they are kept: made while it is sent, whenever it is sent."""

    def __init__(self, document: dict[str, Any], items: Sequence[Stored]) -> None:
        self._head, self._tail = COMPACT.frame({**document, "items": []}, "items")
        self._items = items

    def __iter__(self) -> Iterator[bytes]:
        separator = self._head
        for stored in self._items:
            yield separator
            yield stored.item
            separator = b","
        yield self._tail if self._items else self._head + self._tail

    def to_bytes(self) -> bytes:
        """Return all of it, which should not be much."""
        return self._head + b",".join([stored.item for stored in self._items]) + self._tail

    async def size(self) -> int:
        """Return how many bytes there are. Raises Corrupt."""
        commas = max(len(self._items) - 1, 0)
        total = len(self._head) + len(self._tail) + commas
        turn = Turn()
        for some in few_at_a_time(self._items):
            total += sum([stored.item_size for stored in some])
            await turn.over()
        return total
