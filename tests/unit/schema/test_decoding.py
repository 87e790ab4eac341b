"""Documents as objects of the kind that an endpoint expects."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_types
from apiserver.schema.kindtypes import Decoded, Undecodable, Unidentified

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
IDENTITY = {"kind": "ConfigMap", "apiVersion": "v1"}
SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'


def decode(document: Any, expected: GroupVersionKind) -> Decoded:
    return builtin_types(expected).decode(document)


@pytest.mark.parametrize(
    "says",
    [
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"kind": "ConfigMap"},
        {"apiVersion": "v1"},
        {},
        {"apiVersion": "", "kind": None},
    ],
)
def test_what_does_not_say_what_it_is_is_what_is_expected(says: dict[str, Any]) -> None:
    decoded = decode({**says, "data": {"k": "v"}, "dta": 1}, CONFIG_MAP)
    assert decoded.kind == CONFIG_MAP
    assert decoded.object == {**IDENTITY, "metadata": {}, "data": {"k": "v"}}
    assert decoded.problems == ['unknown field "dta"']


def test_null_is_an_object_with_nothing_set() -> None:
    assert decode(None, CONFIG_MAP).object == {**IDENTITY, "metadata": {}}


@pytest.mark.parametrize(
    ("expected", "document", "found", "complaint"),
    [
        (
            CONFIG_MAP,
            {"apiVersion": "v1", "kind": "Secret"},
            ("", "v1", "Secret"),
            "converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
        # What it is not even as what it says comes first.
        (
            CONFIG_MAP,
            {"kind": "Secret", "data": {"k": "?"}},
            ("", "v1", "Secret"),
            "illegal base64 data at input byte 0",
        ),
        (
            GroupVersionKind("rbac.authorization.k8s.io", "v1", "Role"),
            {"apiVersion": "v1", "kind": "Pod"},
            ("", "v1", "Pod"),
            "converting (v1.Pod) to (rbac.Role): unknown conversion",
        ),
        (
            CONFIG_MAP,
            {"apiVersion": "v2", "kind": "ConfigMap"},
            ("", "v2", "ConfigMap"),
            f'no kind "ConfigMap" is registered for version "v2" {SCHEME}',
        ),
        (
            DEPLOYMENT,
            {"apiVersion": "v1", "kind": "Deployment"},
            ("", "v1", "Deployment"),
            f'no kind "Deployment" is registered for version "v1" {SCHEME}',
        ),
        (
            DEPLOYMENT,
            {"kind": "Goose"},
            ("apps", "v1", "Goose"),
            f'no kind "Goose" is registered for version "apps/v1" {SCHEME}',
        ),
        (
            CONFIG_MAP,
            {"data": {"k": 1}},
            CONFIG_MAP,
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
    ],
)
def test_what_is_something_else_is_refused(
    expected: GroupVersionKind, document: Any, found: Any, complaint: str
) -> None:
    with pytest.raises(Undecodable) as error:
        decode(document, expected)
    assert (error.value.kind, str(error.value)) == (found, complaint)


@pytest.mark.parametrize(
    ("expected", "api_version"),
    [
        (DEPLOYMENT, "extensions/v1beta1"),
        (DEPLOYMENT, "apps/v1beta1"),
        (GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"), "autoscaling/v1"),
        (GroupVersionKind("", "v1", "Event"), "events.k8s.io/v1"),
        (GroupVersionKind("resource.k8s.io", "v1", "ResourceClaim"), "resource.k8s.io/v1beta1"),
    ],
)
def test_another_version_of_the_kind_is_for_the_caller_to_judge(
    expected: GroupVersionKind, api_version: str
) -> None:
    decoded = decode({"apiVersion": api_version, "kind": expected.kind}, expected)
    assert decoded.kind.api_version == api_version


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (
            [1],
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go "
            'value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (
            {"kind": 5},
            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go "
            "struct field .kind of type string",
        ),
        (
            {"apiVersion": {}},
            "couldn't get version/kind; json parse error: json: cannot unmarshal object into Go "
            "struct field .apiVersion of type string",
        ),
        ({"apiVersion": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
    ],
)
def test_what_cannot_say_what_it_is_is_not_known(document: Any, complaint: str) -> None:
    with pytest.raises(Unidentified) as error:
        decode(document, CONFIG_MAP)
    assert str(error.value) == complaint
