"""Documents as messages show them."""

from __future__ import annotations

from typing import Any

from apiserver.patch import json_patch, merge_patch
from apiserver.patch.shown import patched_json
from apiserver.schema.memberorder import in_order
from apiserver.schema.structtypes import struct_of_kind

DOCUMENT: dict[str, Any] = {
    "metadata": {"labels": {"b": "<&>", "a": "1"}, "name": "a"},
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {
        "restartPolicy": "Always",
        "containers": [{"imagePullPolicy": "Always", "image": "i", "name": "c"}],
    },
}


def shown(after: Any) -> str:
    struct = struct_of_kind("v1", "Pod")
    return patched_json(DOCUMENT, after, lambda whole: in_order(struct, whole))


METADATA = r'{"name":"a","labels":{"a":"1","b":"\u003c\u0026\u003e"}}'
SPEC = (
    '{"containers":[{"name":"c","image":"i","imagePullPolicy":"Always"}],"restartPolicy":"Always"}'
)


def test_what_a_patch_has_not_touched_stands_as_its_type_declares_it() -> None:
    patch = merge_patch.parse(b'{"status": {"phase": "x", "message": "m"}}')
    assert shown(merge_patch.apply(DOCUMENT, patch)) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{SPEC},'
        '"status":{"message":"m","phase":"x"}}'
    )


def test_what_a_patch_has_touched_is_sorted_by_name() -> None:
    patch = json_patch.parse(b'[{"op": "add", "path": "/spec/containers/0/args", "value": []}]')
    assert shown(json_patch.apply(DOCUMENT, patch)) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{{"containers":['
        '{"args":[],"image":"i","imagePullPolicy":"Always","name":"c"}],"restartPolicy":"Always"}}'
    )


def test_the_document_itself_is_sorted_even_if_nothing_has_touched_it() -> None:
    assert shown(DOCUMENT) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{SPEC}}}'
    )
