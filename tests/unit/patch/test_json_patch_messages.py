"""Error messages of JSON patches that do not apply, as webhooks and policies show them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.documents import dump_json
from apiserver.patch import json_patch
from apiserver.patch.errors import PatchDoesNotApply

DOCUMENT: dict[str, Any] = {"metadata": {"name": "a"}, "items": [1, 2]}
_INDEX = "invalid index referenced"
_SYNTAX = 'strconv.Atoi: parsing "x": invalid syntax'


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            {"op": "remove", "path": "/data/a"},
            'remove operation does not apply: doc is missing path: "/data/a": missing value',
        ),
        (
            {"op": "remove", "path": "/data"},
            "error in remove for path: '/data': Unable to remove nonexistent key: data: "
            "missing value",
        ),
        (
            {"op": "remove", "path": "/items/2"},
            f"error in remove for path: '/items/2': Unable to access invalid index: 2: {_INDEX}",
        ),
        ({"op": "remove", "path": "/items/x"}, f"error in remove for path: '/items/x': {_SYNTAX}"),
        (
            {"op": "add", "path": "/data/a"},
            'add operation does not apply: doc is missing path: "/data/a": missing value',
        ),
        (
            {"op": "add", "path": "name"},
            'add operation does not apply: doc is missing path: "name": missing value',
        ),
        (
            {"op": "add", "path": "/items/4"},
            f"error in add for path: '/items/4': Unable to access invalid index: 4: {_INDEX}",
        ),
        (
            {"op": "add", "path": "/items/x"},
            "error in add for path: '/items/x': value was not a proper array index: 'x': "
            f"{_SYNTAX}",
        ),
        ({"op": "add"}, "add operation failed to decode path: missing value"),
        ({"op": "remove"}, "remove operation failed to decode path: missing value"),
        ({"op": "copy", "from": "/items"}, "copy operation failed to decode path: missing value"),
        (
            {"op": "replace"},
            "replace operation failed to decode path: operation missing path field: missing value",
        ),
        (
            {"op": "move", "path": "/x"},
            "move operation failed to decode from: operation, missing from field: missing value",
        ),
        ({"op": "rename", "path": "/x"}, "Unexpected kind: rename"),
        ({"path": "/x"}, "Unexpected kind: unknown"),
        (
            {"op": "replace", "path": "/data/a"},
            "replace operation does not apply: doc is missing path: /data/a: missing value",
        ),
        (
            {"op": "replace", "path": "/items/2"},
            "replace operation does not apply: doc is missing key: /items/2: missing value",
        ),
        (
            {"op": "replace", "path": "", "value": 1},
            "replace operation value must be object or array: %!w(<nil>)",
        ),
        (
            {"op": "test", "path": "/data/a", "value": 1},
            "test operation does not apply: is missing path: /data/a: missing value",
        ),
        (
            {"op": "test", "path": "/metadata/name", "value": "b"},
            "testing value /metadata/name failed: test failed",
        ),
        ({"op": "test", "path": "", "value": 1}, "testing value  failed: test failed"),
        (
            {"op": "move", "from": "/data/a", "path": "/x"},
            "move operation does not apply: doc is missing from path: /data/a: missing value",
        ),
        (
            {"op": "move", "from": "/data", "path": "/x"},
            "error in move for path: 'data': Unable to remove nonexistent key: data: missing value",
        ),
        (
            {"op": "move", "from": "/metadata", "path": "/data/a"},
            "move operation does not apply: doc is missing destination path: /data/a: "
            "missing value",
        ),
        (
            {"op": "copy", "from": "/data/a", "path": "/x"},
            "copy operation does not apply: doc is missing from path: /data/a: missing value",
        ),
        (
            {"op": "copy", "from": "/metadata", "path": "/items/9"},
            f"error while adding value during copy: Unable to access invalid index: 9: {_INDEX}",
        ),
    ],
)
def test_messages(operation: dict[str, Any], message: str) -> None:
    operations = json_patch.parse(dump_json([operation]))
    with pytest.raises(PatchDoesNotApply) as caught:
        json_patch.apply(DOCUMENT, operations)
    assert str(caught.value) == message
    assert DOCUMENT == {"metadata": {"name": "a"}, "items": [1, 2]}
