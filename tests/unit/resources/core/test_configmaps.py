"""ConfigMaps."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "ConfigMap")
MAP = {"metadata": {"name": "a"}, "data": {"k": "v"}}
KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
SEALED = "Forbidden: field is immutable when `immutable` is set"

MISTAKES = [
    ({"data": {"bad key": ""}}, [f'data[bad key]: Invalid value: "bad key": {KEY_RULE}']),
    ({"data": {"": ""}}, [f'data[]: Invalid value: "": {KEY_RULE}']),
    ({"data": {".": ""}}, ["data[.]: Invalid value: \".\": must not be '.'"]),
    ({"data": {"..": ""}}, ["data[..]: Invalid value: \"..\": must not be '..'"]),
    ({"data": {"..a": ""}}, ["data[..a]: Invalid value: \"..a\": must not start with '..'"]),
    (
        {"binaryData": {"k": "AA=="}},
        ['data[k]: Invalid value: "k": duplicate of key present in binaryData'],
    ),
    ({"binaryData": {"a/b": ""}}, [f'binaryData[a/b]: Invalid value: "a/b": {KEY_RULE}']),
    (
        {"data": {"k": "x" * (1024 * 1024 + 1)}},
        ["[]: Too long: may not be more than 1048576 bytes"],
    ),
    (
        {"data": {"k": "é" * 512 * 1024}, "binaryData": {"b": "AA=="}},
        ["[]: Too long: may not be more than 1048576 bytes"],
    ),
]

CHANGES_OF_SEALED = [
    ({"immutable": True}, []),
    ({"immutable": True, "metadata": {"name": "a", "labels": {"a": "b"}}}, []),
    ({}, [f"immutable: {SEALED}"]),
    ({"immutable": False, "data": {"k": "w"}}, [f"immutable: {SEALED}", f"data: {SEALED}"]),
    ({"immutable": True, "data": None}, [f"data: {SEALED}"]),
    ({"immutable": True, "binaryData": {"b": "AA=="}}, [f"binaryData: {SEALED}"]),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_named(changes: Object, errors: list[str]) -> None:
    assert KIND.create(merged(MAP, **changes)).errors == errors


def test_a_mebibyte_fits() -> None:
    assert not KIND.create(merged(MAP, data={"k": "x" * 1024 * 1024})).errors


@pytest.mark.parametrize(("changes", "errors"), CHANGES_OF_SEALED)
def test_what_is_sealed_stays(changes: Object, errors: list[str]) -> None:
    sealed = KIND.create(merged(MAP, immutable=True))
    assert KIND.update(sealed, merged(MAP, **changes)).errors == errors


def test_what_is_not_sealed_changes() -> None:
    made = KIND.create(MAP)
    assert not KIND.update(made, merged(MAP, data={"k": "w"}, immutable=True)).errors


def test_a_row_counts_texts_and_bytes() -> None:
    made = KIND.create(merged(MAP, binaryData={"b": "AA=="}))
    assert KIND.cells(made)[:2] == ["a", 2]
