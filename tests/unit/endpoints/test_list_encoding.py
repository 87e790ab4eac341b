"""Lists that are encode_list a few items at a time are what they would be in one go."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.endpoints.list_encoding import (
    AS_YAML,
    COMPACT,
    INDENTED,
    ListFormat,
    SerializedList,
    encode_list,
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


def objects(count: int) -> list[Stored]:
    codec = ObjectCodec(struct_of_kind)
    made = []
    for number in range(count):
        document = {
            "kind": "ConfigMap",
            "apiVersion": "v1",
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


@pytest.mark.parametrize("count", [0, 1, 2, 150])
async def test_a_list_as_it_is_stored_has_the_size_that_is_said(count: int) -> None:
    body = SerializedList(DOCUMENT, objects(count))
    data = b"".join(body)
    assert len(data) == await body.size()
    items = [
        {key: value for key, value in stored.object.items() if key not in ("kind", "apiVersion")}
        for stored in objects(count)
    ]
    assert data == dump_json({**DOCUMENT, "items": items}) + b"\n"
    # It may be sent more than once, and its head says so every time.
    assert b"".join(body) == body.to_bytes() == data
