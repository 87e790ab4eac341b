"""What is stored, by us or by others, is sent with its resourceVersion and otherwise as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.machinery.objects import Object
from apiserver.registry import stored as coding
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.converted_stored import ConvertedStored
from apiserver.registry.stored import Stored
from apiserver.resources.conversion import Conversion
from apiserver.schema.kindtypes import Inconvertible
from apiserver.schema.structtypes import struct_of_kind
from storage.errors import Corrupt

OBJECT = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "a", "labels": {"metadata": "b"}},
    "data": {"text": ',"metadata":{"name":"no"}'},
}
FOREIGN = {
    "compact": json.dumps(OBJECT, separators=(",", ":")),
    "with spaces": json.dumps(OBJECT),
    "indented": json.dumps(OBJECT, indent=2),
    "in the order of names": json.dumps(OBJECT, sort_keys=True, separators=(",", ":")),
    "with metadata elsewhere before": json.dumps(
        {"kind": "ConfigMap", "spec": {"x": 1, "metadata": {"y": 2}}, **OBJECT},
        separators=(",", ":"),
    ),
    "without any metadata to speak of": '{"kind":"ConfigMap","apiVersion":"v1","metadata":{}}',
}


@pytest.mark.parametrize("case", list(FOREIGN))
def test_whatever_is_stored_is_sent_with_its_version(case: str) -> None:
    stored = ObjectCodec(struct_of_kind).decode("/a", FOREIGN[case].encode(), 7)
    expected = json.loads(FOREIGN[case])
    expected["metadata"]["resourceVersion"] = "7"
    assert json.loads(stored.body) == expected == stored.object
    assert stored.body.startswith(b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{')
    item = {key: value for key, value in expected.items() if key not in ("kind", "apiVersion")}
    assert json.loads(b"{" + stored.read_rest()) == item


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"kind":"A"}', b"{", b"\xff", b'"text"'])
def test_what_is_no_object_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="/a"):
        _ = ObjectCodec(struct_of_kind).decode("/a", data, 7).body


def test_decoded_objects_are_kept_by_their_number_and_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coding._Decoded, "MAX_BYTES", 50_000)
    decoded = coding._Decoded()
    monkeypatch.setattr(coding, "_decoded", decoded)
    document = {**OBJECT, "data": {"text": "x" * 10_000}}
    codec = ObjectCodec(struct_of_kind)
    made = [
        codec.decode("/a", codec.encode(Stored.to_write(document)), number) for number in range(10)
    ]
    for stored in made:
        assert stored.object["data"] == document["data"]
    kept = [stored for stored in made if stored._object is not None]
    assert kept == made[-4:]


def test_an_item_of_a_converted_object_has_all_its_members() -> None:
    # A conversion may put members of its own in front.
    stored = Stored("/a", json.dumps(OBJECT).encode(), 7)
    conversion = Conversion(lambda document: document, lambda document: {"first": 1, **document})
    converted = ConvertedStored(stored, conversion)
    item = json.loads(b"{" + converted.read_rest())
    assert item["first"] == 1
    assert item["metadata"]["resourceVersion"] == "7"
    assert not {"kind", "apiVersion"} & item.keys()


def test_a_conversion_that_changes_nothing_shares_the_bytes() -> None:
    stored = Stored("/a", json.dumps(OBJECT).encode(), 7)
    unchanged = Conversion(lambda document: document, lambda document: document)
    converted = ConvertedStored(stored, unchanged)
    assert converted.read_rest() is stored.read_rest()
    assert converted.head is stored.head
    assert not converted.is_stale()


@pytest.mark.parametrize(("data", "stale"), [({"a": "1"}, True), ({"a": "1", "b": "2"}, False)])
def test_an_object_is_stale_if_it_would_be_stored_in_another_form(
    data: dict[str, str], stale: bool
) -> None:
    def complete(document: Object) -> Object:
        return {**document, "data": {"b": "2", **document["data"]}}

    stored = Stored("/a", json.dumps({**OBJECT, "data": data}).encode(), 7)
    assert not stored.is_stale()
    assert ConvertedStored(stored, Conversion(lambda one: one, complete)).is_stale() is stale


def test_an_object_that_cannot_be_converted_cannot_be_read() -> None:
    def refuse(document: Object) -> Object:
        raise Inconvertible("not today")

    stored = Stored("/a", json.dumps(OBJECT).encode(), 7)
    converted = ConvertedStored(stored, Conversion(refuse, refuse))
    for _ in range(2):
        with pytest.raises(Corrupt, match="not today"):
            _ = converted.body


@pytest.mark.parametrize(
    ("metadata", "uid"),
    [
        ({"name": "a", "uid": "u", "labels": {"uid": "l"}}, "u"),
        ({"name": "a", "labels": {"uid": "l"}, "uid": "u"}, None),
        ({"name": "a", "annotations": {"a": '"uid":"x"'}, "uid": "u"}, None),
        ({"name": "a", "uid": "u", "ownerReferences": [{"uid": "o"}]}, None),
        ({"name": "a", "uid": "u", "deletionTimestamp": "t", "finalizers": ["f"]}, None),
        ({"name": "a"}, None),
    ],
)
def test_the_uid_of_a_plain_object_is_found_without_decoding(
    metadata: dict[str, Any], uid: str | None
) -> None:
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"uid": "d"}}
    assert Stored("k", json.dumps(document, separators=(",", ":")).encode(), 1).plain_uid == uid
    read = Stored("k", json.dumps(document, separators=(",", ":")).encode(), 1)
    assert read.body
    assert read.plain_uid == uid
