"""Unknown and duplicate fields are refused, warned of, or ignored, as the request asks."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import YAML, Api
from apiserver.testing.conformance.sample_objects import config_map

UNKNOWN = config_map("a") | {"color": "red"}
DUPLICATE = b"""
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {k: "1", k: "2"}
"""


def test_strict_refuses_unknown_fields(api: Api, configmaps: str) -> None:
    answer = api.send("POST", f"{configmaps}?fieldValidation=Strict", UNKNOWN)
    assert answer.status == 400
    assert 'strict decoding error: unknown field "color"' in answer.json["message"]
    assert api.get(f"{configmaps}/a").status == 404


@pytest.mark.parametrize("query", ["", "?fieldValidation=Warn"])
def test_warn_is_the_default(api: Api, configmaps: str, query: str) -> None:
    answer = api.send("POST", configmaps + query, UNKNOWN)
    assert answer.status == 201
    assert "color" not in answer.json
    assert 'unknown field \\"color\\"' in answer.warnings


def test_ignore_ignores(api: Api, configmaps: str) -> None:
    answer = api.send("POST", f"{configmaps}?fieldValidation=Ignore", UNKNOWN)
    assert answer.status == 201
    assert "color" not in answer.json
    assert "color" not in answer.warnings


def test_duplicate_fields_are_found_in_yaml(api: Api, configmaps: str) -> None:
    answer = api.send("POST", f"{configmaps}?fieldValidation=Strict", DUPLICATE, YAML)
    assert answer.status == 400
    assert '"k" already set' in answer.json["message"]


def test_values_of_wrong_types_are_always_refused(api: Api, configmaps: str) -> None:
    document = config_map("a") | {"data": {"k": 1}}
    answer = api.send("POST", f"{configmaps}?fieldValidation=Ignore", document)
    assert answer.status == 400
    assert "cannot unmarshal number" in answer.json["message"]


def test_other_values_of_the_option_are_refused(api: Api, configmaps: str) -> None:
    answer = api.send("POST", f"{configmaps}?fieldValidation=Some", config_map("a"))
    assert answer.status in (400, 422)
