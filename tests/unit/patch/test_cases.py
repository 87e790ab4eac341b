"""The cases of tests/cases/patch: documents, patches, and what becomes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from apiserver.patch import json_patch, merge_patch, strategic_merge_patch
from apiserver.patch.errors import MalformedPatch, PatchDoesNotApply, PatchError, PatchFails
from apiserver.schema.openapi import builtin_schema

CASES = Path(__file__).parents[2] / "cases" / "patch"
ERRORS = {"malformed": MalformedPatch, "does_not_apply": PatchDoesNotApply, "fails": PatchFails}


def json(document: Any, body: bytes, _: str) -> tuple[Any, list[str]]:
    operations = json_patch.parse(body)
    return json_patch.apply(document, operations), operations.problems


def merge(document: Any, body: bytes, _: str) -> tuple[Any, list[str]]:
    patch = merge_patch.parse(body)
    return merge_patch.apply(document, patch), patch.problems


def strategic(document: Any, body: bytes, kind: str) -> tuple[Any, list[str]]:
    api_version, _, name = kind.rpartition("/")
    schema = builtin_schema(api_version, name)
    assert schema is not None
    patch = strategic_merge_patch.parse(body)
    return strategic_merge_patch.apply(document, patch, schema), patch.problems


PATCHES: dict[str, Callable[[Any, bytes, str], tuple[Any, list[str]]]] = {
    "json": json,
    "merge": merge,
    "strategic": strategic,
}


def read_cases() -> Iterator[Any]:
    for name in PATCHES:
        for case in yaml.safe_load((CASES / f"{name}.yaml").read_text()):
            yield pytest.param(name, case, id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("sort", "case"), read_cases())
def test_a_patch_gives_the_result_or_is_refused(sort: str, case: dict[str, Any]) -> None:
    document = copy.deepcopy(case["document"])
    body = orjson.dumps(case["patch"])
    refusal = next((name for name in ERRORS if name in case), None)
    if refusal is None:
        result, problems = PATCHES[sort](document, body, case.get("kind", ""))
        assert orjson.dumps(result) == orjson.dumps(case["result"]) or result == case["result"]
        assert problems == case.get("problems", [])
    else:
        with pytest.raises(PatchError) as error:
            PATCHES[sort](document, body, case.get("kind", ""))
        assert type(error.value) is ERRORS[refusal]
        assert case[refusal] is True or str(error.value) == case[refusal]
    assert document == case["document"], "what was given must not be changed"


@pytest.mark.parametrize("sort", PATCHES)
def test_a_patch_may_be_applied_again(sort: str) -> None:
    """What one attempt does to a patch must not show in the next."""
    for case in yaml.safe_load((CASES / f"{sort}.yaml").read_text()):
        if "result" not in case:
            continue
        body = orjson.dumps(case["patch"])
        if sort == "json":
            operations = json_patch.parse(body)
            results = [json_patch.apply(case["document"], operations) for _ in range(2)]
        elif sort == "merge":
            patch = merge_patch.parse(body)
            results = [merge_patch.apply(case["document"], patch) for _ in range(2)]
        else:
            continue
        assert results == [case["result"]] * 2
