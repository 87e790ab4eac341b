"""The cases of tests/cases/apply: operations by named managers, and the resulting ownership."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiserver.fieldmanager import fieldset, managedfields
from apiserver.fieldmanager.errors import Conflicts, UntypedObject
from apiserver.fieldmanager.manager import FieldManager
from apiserver.fieldmanager.managers import APPLY
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.kindtypes import KindVersions
from apiserver.schema.structural import MISSING, Schema
from apiserver.schema.structuraltypes import StructuralTypes
from tests.cases.reading import read_yaml

CASES = Path(__file__).parents[2] / "cases" / "apply"
SCHEMAS = read_yaml((CASES / "schemas.yaml").read_text())
KIND = "Thing"
NOW = "2024-01-01T00:00:{:02d}Z"


def schema(spec: dict[str, Any]) -> Schema:
    """Read a type in the words of OpenAPI."""
    values, items = spec.get("additionalProperties"), spec.get("items")
    return Schema(
        type=spec.get("type", ""),
        format=spec.get("format", ""),
        properties={name: schema(member) for name, member in spec.get("properties", {}).items()},
        values=schema(values) if values else None,
        items=schema(items) if items else None,
        list_type=spec.get("x-kubernetes-list-type", ""),
        list_map_keys=tuple(spec.get("x-kubernetes-list-map-keys", ())),
        map_type=spec.get("x-kubernetes-map-type", ""),
        default=spec.get("default", MISSING),
        int_or_string=spec.get("x-kubernetes-int-or-string", False),
        preserve_unknown_fields=spec.get("x-kubernetes-preserve-unknown-fields", False),
    )


class Scenario:
    """One object, what is done to it, and who owns what of it."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.renames: dict[str, dict[str, str]] = case.get("renames", {})
        self.versions: dict[str, str] = case.get("versions") or {"v1": case["schema"]}
        self.live: dict[str, Any] | None = None
        self.steps = 0

    def manager(self, version: str) -> FieldManager:
        versions = KindVersions({}, self.convert)
        for name, type_ in self.versions.items():
            kind = GroupVersionKind("", name, KIND)
            versions.types[name] = StructuralTypes(kind, schema(SCHEMAS[type_]), versions)
        return FieldManager(versions.types[version])

    def convert(self, document: dict[str, Any], version: str) -> dict[str, Any]:
        back = {v: k for k, v in self.renames.get(document["apiVersion"], {}).items()}
        there = self.renames.get(version, {})
        members = {back.get(name, name): value for name, value in document.items()}
        members = {there.get(name, name): value for name, value in members.items()}
        return {**members, "apiVersion": version}

    def do(self, step: dict[str, Any]) -> None:
        if "schema" in step:
            self.versions = step["schema"]["versions"]
            return
        self.steps += 1
        before = copy.deepcopy(self.live)
        if "conflicts" in step:
            with pytest.raises(Conflicts) as conflicts:
                self.write(step)
            assert self.disputed(conflicts.value) == step["conflicts"]
        elif "error" in step:
            with pytest.raises(UntypedObject) as error:
                self.write(step)
            described = "failed to create typed patch object (/; /v1, Kind=Thing): "
            assert str(error.value) == described + step["error"]
        else:
            outcome = self.write(step)
            assert self.live == before, "what was stored must not be changed"
            self.live = self.convert(outcome, "v1")
            self.check_entries()
            return
        assert self.live == before

    def write(self, step: dict[str, Any]) -> dict[str, Any]:
        operation = next(iter(step))
        request = step[operation]
        version, now = request.get("version", "v1"), NOW.format(self.steps)
        document = {"apiVersion": version, "kind": KIND, "metadata": {}, **request["object"]}
        live = None if self.live is None else self.convert(self.live, version)
        manager = self.manager(version)
        if operation == "update":
            return manager.update(live, document, manager=request["manager"], now=now)
        force = operation == "force"
        name = request["manager"]
        return manager.apply(live, document, manager=name, force=force, now=now)

    @staticmethod
    def disputed(conflicts: Conflicts) -> dict[str, list[str]]:
        return {
            owner.name: [fieldset.path_text(path) for path in fieldset.paths(fields)]
            for owner, fields in conflicts.owners.items()
        }

    def check_entries(self) -> None:
        entries = managedfields.of(self.live)
        assert fieldset.LEAF == {}, "what is shared must not be changed"
        assert all(entry["fieldsV1"] for entry in entries), "an owner that owns nothing"
        assert managedfields.encode(managedfields.decode(entries)) == entries
        assert managedfields.encode(managedfields.parse(entries)) == entries
        for entry in entries:
            fields = entry["fieldsV1"]
            assert str(fieldset.ordered(fields)) == str(fields), "not in the written order"

    def owners(self, *, applied: bool) -> dict[str, set[str]]:
        return {
            owner.name: {fieldset.path_text(path) for path in fieldset.paths(entry["fieldsV1"])}
            for owner, entry in managedfields.decode(managedfields.of(self.live)).items()
            if (owner.operation == APPLY) is applied
        }

    @property
    def object(self) -> dict[str, Any] | None:
        if self.live is None:
            return None
        implied = ("apiVersion", "kind", "metadata")
        return {name: value for name, value in self.live.items() if name not in implied}


def read_cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        if path.stem != "schemas":
            for case in read_yaml(path.read_text()):
                yield pytest.param(case, id=f"{path.stem}: {case['name']}")


CASE_LIST = list(read_cases())


@pytest.mark.parametrize("case", CASE_LIST)
def test_the_object_and_its_owners(case: dict[str, Any]) -> None:
    scenario = Scenario(case)
    for step in case["steps"]:
        scenario.do(step)
    assert scenario.object == case["object"]
    expected = {kind: case.get(kind, {}) for kind in ("appliers", "updaters")}
    assert scenario.owners(applied=True) == {k: set(v) for k, v in expected["appliers"].items()}
    assert scenario.owners(applied=False) == {k: set(v) for k, v in expected["updaters"].items()}


@pytest.mark.parametrize("case", [case for case in CASE_LIST if "unsettled" not in case.values[0]])
def test_the_last_step_again_changes_nothing(case: dict[str, Any]) -> None:
    scenario = Scenario(case)
    for step in case["steps"]:
        scenario.do(step)
    before = copy.deepcopy(scenario.live)
    scenario.do(case["steps"][-1])
    assert scenario.live == before
