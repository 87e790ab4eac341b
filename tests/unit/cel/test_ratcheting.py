"""Rules that fail for unchanged parts of an update give warnings (KEP-4008)."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.cel.rulevalidation import RuleValidator
from apiserver.machinery.fielderrors import RatchetedError
from tests.unit.schema.structurals import an_object, schema_of

LOW = {"rule": "self.size < 3", "message": "too large"}
KEPT = {"rule": "self.size == oldSelf.size && self.size < 3", "message": "fixed"}


def part(rule: dict[str, str]) -> RuleValidator:
    inner = an_object(size={"type": "integer"}, name={"type": "string"})
    return RuleValidator(schema_of(part={**inner, "x-kubernetes-validations": [rule]}))


LARGE = {"part": {"size": 5}}
ROWS: list[tuple[dict[str, str], dict[str, Any] | None, bool]] = [
    (LOW, None, False),
    (LOW, {"part": {"size": 4}}, False),
    (LOW, {"part": {"size": 5}, "other": 1}, True),
    (KEPT, LARGE, False),
]


@pytest.mark.parametrize(("rule", "old", "ratcheted"), ROWS)
def test_errors(rule: dict[str, str], old: dict[str, Any] | None, ratcheted: bool) -> None:
    [error] = part(rule).validate(LARGE, old)
    assert isinstance(error, RatchetedError) is ratcheted
    assert str(error).startswith("part: Invalid value")
    assert str(error).endswith(rule["message"])
