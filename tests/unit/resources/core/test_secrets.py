"""Secrets."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "Secret")
SECRET = {"metadata": {"name": "a"}, "data": {"k": "b2xk"}}
REDACTED = 'Invalid value: "<secret contents redacted>"'
SEALED = "Forbidden: field is immutable when `immutable` is set"

MISTAKES = [
    (
        {"type": "kubernetes.io/service-account-token"},
        ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    ),
    ({"type": "kubernetes.io/dockercfg"}, ["data[.dockercfg]: Required value"]),
    (
        {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "no"}},
        [
            f"data[.dockerconfigjson]: {REDACTED}: "
            "invalid character 'o' in literal null (expecting 'u')"
        ],
    ),
    (
        {"type": "kubernetes.io/dockercfg", "stringData": {".dockercfg": "[]"}},
        [
            f"data[.dockercfg]: {REDACTED}: json: cannot unmarshal array into Go value of type "
            "map[string]interface {}"
        ],
    ),
    ({"type": "kubernetes.io/dockercfg", "stringData": {".dockercfg": "{}"}}, []),
    (
        {"type": "kubernetes.io/basic-auth"},
        ["data[username]: Required value", "data[password]: Required value"],
    ),
    ({"type": "kubernetes.io/basic-auth", "stringData": {"password": ""}}, []),
    ({"type": "kubernetes.io/ssh-auth"}, ["data[ssh-privatekey]: Required value"]),
    ({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}, ["data[tls.key]: Required value"]),
    ({"type": "bootstrap.kubernetes.io/token"}, []),
    (
        {"stringData": {"k": "x" * (1024 * 1024 + 1)}},
        ["data: Too long: may not be more than 1048576 bytes"],
    ),
]

CHANGES = [
    ({"type": "x"}, ['type: Invalid value: "x": field is immutable']),
    ({"immutable": False}, [f"immutable: {SEALED}"]),
    ({"data": {"k": "bmV3"}}, [f"data: {SEALED}"]),
    ({"metadata": {"name": "a", "labels": {"a": "b"}}}, []),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_a_type_has_its_keys(changes: Object, errors: list[str]) -> None:
    assert KIND.create(merged(SECRET, **changes)).errors == errors


def test_texts_are_laid_over_the_bytes_and_not_kept() -> None:
    made = KIND.create(merged(SECRET, stringData={"k": "new", "m": "plain"}))
    assert made.object["data"] == {"k": "bmV3", "m": "cGxhaW4="}
    assert "stringData" not in made.object
    assert made.object["type"] == "Opaque"


@pytest.mark.parametrize(("changes", "errors"), CHANGES)
def test_the_type_and_what_is_sealed_stay(changes: Object, errors: list[str]) -> None:
    sealed = merged(SECRET, immutable=True)
    assert KIND.update(KIND.create(sealed), merged(sealed, **changes)).errors == errors


def test_a_row_shows_the_type_and_counts_the_keys() -> None:
    assert KIND.cells(KIND.create(SECRET))[:3] == ["a", "Opaque", 1]


def test_secrets_are_selected_by_type() -> None:
    made = KIND.create(SECRET)
    assert KIND.strategy.field(made.object, "type") == "Opaque"
