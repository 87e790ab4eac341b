"""The tables of ``rules/``: every rule of a kind's validation, and what breaks it.

A table names its ``kind`` (``networking.k8s.io/v1 IPAddress``), valid documents of it as ``bases``,
and ``rows``, each one rule::

    rule         a sentence
    base         which document the row starts from
    set          {path: value}: what is put into the document; ``items[0].labels[a.b/c]`` is a path
    remove       [path]: what is taken out of it
    update       true: the change is sent as an update of the unchanged document
    subresource  the path of the update
    expect       ``ok``, or every cause in order as {field, reason, message}, those that any
                 object's metadata gives among them
    becomes      {path: value}: what of the result is looked at; null: nothing stands there
    warnings     what the client is told
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.cases.reading import read_yaml
from tests.unit.resources.writing import Kind, Written

TABLES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
KEYS = {
    "rule", "base", "set", "remove", "update", "subresource", "expect", "becomes", "warnings",
}  # fmt: skip
STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]+)\]")


def rows() -> Iterator[Any]:
    for path in TABLES:
        table = read_yaml(path.read_text())
        for number, row in enumerate(table["rows"], 1):
            yield pytest.param(table, row, id=f"{path.stem}-{number}: {row['rule']}")


def steps(path: str) -> list[str]:
    return [name or key for name, key in STEP.findall(path)]


def at(document: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[int(step)] if int(step) < len(document) else None
        else:
            document = (document or {}).get(step)
    return document


def put(document: Any, path: str, value: Any) -> None:
    *parents, last = steps(path)
    parent = at(document, parents)
    if isinstance(parent, list):
        parent[int(last) : int(last) + 1] = [value]
    else:
        parent[last] = value


def take(document: Any, path: str) -> None:
    *parents, last = steps(path)
    parent = at(document, parents)
    del parent[int(last) if isinstance(parent, list) else last]


def written(table: Any, row: Any) -> Written:
    api_version, _, name = table["kind"].partition(" ")
    kind, base = Kind(api_version, name), deepcopy(table["bases"][row["base"]])
    if kind.strategy.definition.namespaced:
        base["metadata"].setdefault("namespace", "default")
    document = deepcopy(base)
    for path, value in row.get("set", {}).items():
        put(document, path, value)
    for path in row.get("remove", []):
        take(document, path)
    if not (row.get("update") or "subresource" in row):
        return kind.create(document)
    return kind.update(kind.create(base), document, row.get("subresource", ""))


@pytest.mark.parametrize(("table", "row"), list(rows()))
def test_a_rule_holds(table: Any, row: Any) -> None:
    assert row.keys() <= KEYS
    made = written(table, row)
    causes = [error.cause() for error in made.causes]
    assert causes == ([] if row["expect"] == "ok" else row["expect"])
    for path, value in row.get("becomes", {}).items():
        assert at(made.object, steps(path)) == value
    if "warnings" in row:
        assert made.warnings == row["warnings"]
