"""What a document has that is empty, and its object has not."""

from __future__ import annotations

from contextvars import copy_context

from apiserver.machinery.empties import copied, copy_from, empty_members, member
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.structtypes import struct_of_kind

POD = struct_of_kind("v1", "Pod")
assert POD is not None


def test_empty_lists_and_maps_are_left_out_and_noted() -> None:
    document = {"metadata": {"labels": {}}, "spec": {"volumes": [], "nodeName": ""}}
    read = decode_json(POD, document).object
    assert read["metadata"] == {}
    assert empty_members(read["metadata"]) == {"labels": {}}
    assert empty_members(read["spec"]) == {"volumes": []}
    assert member(read["spec"], "volumes") == []
    assert member(read["spec"], "tolerations") is None


def test_a_copy_has_left_out_the_same() -> None:
    read = decode_json(POD, {"spec": {"volumes": []}}).object
    assert empty_members(copied(read["spec"])) == {"volumes": []}
    assert empty_members(dict(read["spec"])) == {}


def test_another_document_with_empty_members_is_another_matter() -> None:
    first = decode_json(POD, {"spec": {"volumes": []}}).object
    decode_json(POD, {"spec": {}})
    assert empty_members(first["spec"]) == {"volumes": []}
    decode_json(POD, {"spec": {"tolerations": []}})
    assert empty_members(first["spec"]) == {}


def test_what_a_thread_notes_is_taken_over() -> None:
    context = copy_context()
    read = context.run(decode_json, POD, {"spec": {"volumes": []}}).object
    assert empty_members(read["spec"]) == {}
    copy_from(context)
    assert empty_members(read["spec"]) == {"volumes": []}
