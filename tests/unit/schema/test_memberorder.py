"""The order of members as types declare them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.schema.memberorder import by_name, in_order
from apiserver.schema.structtypes import struct_of_kind


def order(kind: str, document: Any, *path: str) -> list[str]:
    ordered = in_order(struct_of_kind(*kind.rsplit("/", 1)), document)
    assert ordered == document
    for part in path:
        ordered = ordered[0] if part == "[]" else ordered[part]
    return list(ordered)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("v1/ConfigMap", ["kind", "apiVersion", "metadata", "immutable", "data", "binaryData"]),
        (
            "v1/Secret",
            ["kind", "apiVersion", "metadata", "immutable", "data", "stringData", "type"],
        ),
        ("apps/v1/Deployment", ["kind", "apiVersion", "metadata", "spec", "status"]),
    ],
)
def test_an_object_says_first_what_it_is(kind: str, members: list[str]) -> None:
    assert order(kind, {member: {} for member in sorted(members)}) == members


@pytest.mark.parametrize(
    ("path", "members"),
    [
        (
            ["spec", "containers", "[]"],
            "name image command args ports envFrom env resources resizePolicy volumeMounts "
            "livenessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy "
            "imagePullPolicy securityContext tty",
        ),
        (
            ["metadata", "ownerReferences", "[]"],
            "apiVersion kind name uid controller blockOwnerDeletion",
        ),
        (["metadata"], "name generateName namespace uid resourceVersion labels annotations"),
        (["status"], "observedGeneration phase conditions hostIP hostIPs podIP podIPs startTime"),
    ],
)
def test_members_stand_where_their_type_declares_them(path: list[str], members: str) -> None:
    document: Any = dict.fromkeys(sorted(members.split()), "x")
    for part in reversed(path):
        document = [document] if part == "[]" else {part: document}
    assert order("v1/Pod", document, *path) == members.split()


def test_maps_and_what_is_not_known_are_sorted() -> None:
    document = {"zebra": {"b": 1, "a": 2}, "metadata": {"labels": {"b": "1", "a": "2"}}, "ape": 1}
    assert order("v1/Pod", document) == ["metadata", "ape", "zebra"]
    assert order("v1/Pod", document, "zebra") == ["a", "b"]
    assert order("v1/Pod", document, "metadata", "labels") == ["a", "b"]
    assert list(in_order(None, document)) == ["ape", "metadata", "zebra"]


def test_a_copy_is_ordered_and_the_document_is_not() -> None:
    document = {"b": [{"d": 1, "c": 2}], "a": 3}
    assert str(by_name(document)) == "{'a': 3, 'b': [{'c': 2, 'd': 1}]}"
    assert str(document) == "{'b': [{'d': 1, 'c': 2}], 'a': 3}"
