"""Lists that are encode_list a few items at a time are what they would be in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from apiserver.endpoints import list_encoding
from apiserver.endpoints.list_encoding import (
    AS_YAML,
    COMPACT,
    INDENTED,
    ListFormat,
    encode_list,
    serialized_list,
)
from apiserver.machinery.documents import dump_json
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.stored import Stored
from apiserver.schema.structtypes import struct_of_kind

DOCUMENT: dict[str, Any] = {
    "kind": "ConfigMapList",
    "apiVersion": "v1",
    "metadata": {"resourceVersion": "7", "continue": '"items":[] "items": []\nitems: []\n'},
    "items": [],
    "zeal": {"items": [1]},
}


def objects(count: int, versions: Sequence[str] = ("v1",)) -> list[Stored]:
    codec = ObjectCodec(struct_of_kind)
    made = []
    for number in range(count):
        document = {
            "kind": "ConfigMap",
            "apiVersion": versions[number % len(versions)],
            "metadata": {"name": f"a-{number}", "labels": {"of": "all"} if number % 2 else {}},
            "data": {"text": f"line\n  - another: {number}\n", "empty": "", "list": "[]"},
            "more": {"nested": [{"a": [], "b": [{"c": None}]}, number]},
        }
        made.append(
            codec.decode(f"/a-{number}", codec.encode(Stored.to_write(document)), number + 1)
        )
    return made


def shown(items: Any) -> list[Any]:
    return [stored.object for stored in items]


@pytest.mark.parametrize("form", [COMPACT, INDENTED, AS_YAML], ids=["json", "indented", "yaml"])
@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 55])
async def test_a_list_in_parts_is_the_whole_list(form: ListFormat, count: int) -> None:
    items = objects(count)
    parts = await encode_list(DOCUMENT, "items", items, shown, form)
    assert b"".join(parts) == form.dump({**DOCUMENT, "items": shown(items)}) + form.end


@pytest.mark.parametrize("slice_size", [1, 700, 256 * 1024])
@pytest.mark.parametrize("versions", [("v1",), ("v1", "v2")])
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 150])
async def test_a_list_as_it_is_stored_has_the_size_that_is_said(
    count: int,
    typed: bool,
    versions: Sequence[str],
    slice_size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_encoding, "SLICE", slice_size)
    stored = objects(count, versions)
    body = await serialized_list(DOCUMENT, stored, typed=typed)
    slices = list(body)
    data = b"".join(slices)
    assert len(data) == body.size
    left_out = () if typed else ("kind", "apiVersion")
    items = [
        {key: value for key, value in each.object.items() if key not in left_out} for each in stored
    ]
    assert data == dump_json({**DOCUMENT, "items": items}) + b"\n"
    # It may be sent more than once, and its head says so every time.
    assert list(body) == slices
    assert len(slices) == 1 if data and len(data) <= slice_size else len(slices) >= min(count, 2)
    one_item = max((each.size for each in stored), default=0) + len(dump_json(DOCUMENT)) + 100
    assert all(len(each) <= max(slice_size, one_item) for each in slices)
