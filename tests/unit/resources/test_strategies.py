"""Which kinds have behaviour of their own: the table, the catalogue and the modules agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.machinery.gvk import GroupResource
from apiserver.resources import builtin
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.strategies import LOADERS, strategy_class
from apiserver.resources.strategy import Strategy

FOLDER = Path(builtin.__file__).parent


def test_every_row_of_the_table_is_a_resource_of_the_catalogue() -> None:
    assert set(LOADERS) <= {definition.group_resource for definition in builtin_definitions()}


def test_every_module_with_behaviour_is_in_the_table_once() -> None:
    modules = {
        str(path.relative_to(FOLDER).with_suffix("")).removesuffix("/__init__").replace("/", ".")
        for path in FOLDER.rglob("*.py")
        if "STRATEGY" in path.read_text() and path.name != "strategies.py"
    }
    loaded = [loader.args[0] for loader in LOADERS.values()]
    assert sorted(loaded) == sorted(modules)


@pytest.mark.parametrize("resource", LOADERS, ids="/".join)
def test_a_row_loads_the_behaviour_of_its_kind(resource: GroupResource) -> None:
    found = strategy_class(resource)
    assert issubclass(found, Strategy)
    assert found is not Strategy


@pytest.mark.parametrize(
    "resource",
    [
        GroupResource("batch.volcano.sh", "jobs"),
        GroupResource("apps.example.com", "deployments"),
        GroupResource("core", "pods"),
        GroupResource("apps", "versions"),
    ],
)
def test_a_resource_of_another_group_has_no_behaviour_of_its_own(resource: GroupResource) -> None:
    assert strategy_class(resource) is Strategy
