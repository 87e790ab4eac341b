"""The cases of tests/cases/patch: documents, patches, and what becomes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from apiserver.patch import json_patch, merge_patch, strategic_merge_patch
from apiserver.patch.errors import MalformedPatch, PatchDoesNotApply, PatchError, PatchFails
from apiserver.schema.openapi import builtin_schema
from tests.cases.reading import read_yaml

CASES = Path(__file__).parents[2] / "cases" / "patch"
ERRORS = {"malformed": MalformedPatch, "does_not_apply": PatchDoesNotApply, "fails": PatchFails}

# Applies a patch, and what is wrong with it.
Parsed = tuple[Callable[[Any], Any], list[str]]


def parsed_json(body: bytes, _: str) -> Parsed:
    operations = json_patch.parse(body)
    return lambda document: json_patch.apply(document, operations), operations.problems


def parsed_merge(body: bytes, _: str) -> Parsed:
    patch = merge_patch.parse(body)
    return lambda document: merge_patch.apply(document, patch), patch.problems


def parsed_strategic(body: bytes, kind: str) -> Parsed:
    api_version, _, name = kind.rpartition("/")
    schema = builtin_schema(api_version, name)
    assert schema is not None
    patch = strategic_merge_patch.parse(body)
    return lambda document: strategic_merge_patch.apply(document, patch, schema), patch.problems


PARSERS = {"json": parsed_json, "merge": parsed_merge, "strategic": parsed_strategic}
CASE_LIST = [
    pytest.param(parse, case, id=f"{name}: {case['name']}")
    for name, parse in PARSERS.items()
    for case in read_yaml((CASES / f"{name}.yaml").read_text())
]


def text(document: Any) -> bytes:
    """Tell 1 from true and from 1.0, which Python does not."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(("parse", "case"), CASE_LIST)
def test_a_patch_gives_its_result_or_is_refused(
    parse: Callable[[bytes, str], Parsed], case: dict[str, Any]
) -> None:
    document = copy.deepcopy(case["document"])
    body, kind = orjson.dumps(case["patch"]), case.get("kind", "")
    refusal = next((name for name in ERRORS if name in case), None)
    if refusal is not None:
        with pytest.raises(PatchError) as error:
            parse(body, kind)[0](document)
        assert type(error.value) is ERRORS[refusal]
        assert case[refusal] is True or str(error.value) == case[refusal]
    else:
        patch, problems = parse(body, kind)
        assert text(patch(document)) == text(case["result"])
        assert problems == case.get("problems", [])
        # A write that loses a race applies its patch once more.
        assert text(patch(document)) == text(case["result"])
    assert text(document) == text(case["document"]), "what was given must not be changed"
