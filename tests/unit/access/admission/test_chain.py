"""The chain of admission and which plugins are in it."""

from __future__ import annotations

import pytest

from apiserver.access.admission.chain import (
    CREATE,
    DELETE,
    UPDATE,
    AdmissionAttributes,
    AdmissionChain,
)
from apiserver.access.admission.enabled_plugins import (
    ORDER,
    PluginFlagError,
    build_plugins,
    enabled_plugins,
)
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS, VOLUMES
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import USER, Objects, build_dependencies, named

MAPS = GroupVersionResource("", "v1", "configmaps")
EVENTS = GroupVersionResource("", "v1", "events")


class Appending:
    """Writes its name into what it changes and sees, and remembers what it was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        self.log.append(f"{self.name} handles {operation} {resource.resource}{subresource}?")
        return resource == PODS and operation != DELETE


class Changing(Appending):
    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        assert attributes.object is not None
        return {**attributes.object, "by": [*attributes.object.get("by", []), self.name]}


class Refusing(Appending):
    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        assert attributes.object is not None
        self.log.append(f"{self.name} sees {attributes.object['by']}")


class Waiting(Appending):
    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        assert attributes.object is not None
        return {**attributes.object, "by": [*attributes.object.get("by", []), self.name]}

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        self.log.append(f"{self.name} is last")


def attributes(**changes: object) -> AdmissionAttributes:
    members: dict[str, object] = {
        "operation": CREATE,
        "user": USER,
        "gvk": GroupVersionKind("", "v1", "Pod"),
        "gvr": PODS,
        "object": named("p"),
        **changes,
    }
    return AdmissionAttributes(**members)  # type: ignore[arg-type]


async def test_all_change_then_all_look_and_those_that_wait_come_last() -> None:
    log: list[str] = []
    plugins = [Waiting("w", log), Changing("a", log), Refusing("r", log), Changing("b", log)]
    chain = AdmissionChain(plugins)
    asked = attributes()
    assert (await chain.mutate(asked, Objects()))["by"] == ["a", "b", "w"]
    log.clear()
    await chain.validate(asked, Objects())
    assert log == ["r sees ['a', 'b', 'w']", "w is last"]


def test_a_plugin_is_asked_once_what_it_handles() -> None:
    log: list[str] = []
    chain = AdmissionChain([Changing("a", log)])
    for _ in range(2):
        assert chain.mutates(CREATE, PODS, "")
        assert not chain.validates(CREATE, PODS, "")
        assert not chain.mutates(CREATE, MAPS, "")
    assert log == ["a handles CREATE pods?", "a handles CREATE configmaps?"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"name": "n"}, "n"),
        ({"object": named("p")}, "p"),
        ({"object": {"metadata": {"generateName": "g-"}}}, "g-"),
        ({"object": {"metadata": {}}}, "Unknown"),
        ({"object": None}, "Unknown"),
    ],
)
def test_a_refusal_names_the_object_as_well_as_it_can(
    changes: dict[str, object], shown: str
) -> None:
    refusal = attributes(**changes).forbidden("no")
    assert refusal.message == f'pods "{shown}" is forbidden: no'


def test_plugins_run_in_the_order_of_kubernetes() -> None:
    names = enabled_plugins((), ())
    assert names == sorted(names, key=ORDER.index)
    assert names[:3] == ["NamespaceLifecycle", "LimitRanger", "ServiceAccount"]


def test_plugins_can_be_switched_off() -> None:
    assert "ServiceAccount" not in enabled_plugins((), ["ServiceAccount"])


@pytest.mark.parametrize(
    ("enable", "disable", "message"),
    [
        (["Odd"], [], 'enable-admission-plugins plugin "Odd" is unknown'),
        ([], ["Odd"], 'disable-admission-plugins plugin "Odd" is unknown'),
        (
            ["Priority"],
            ["Priority"],
            "[Priority] in enable-admission-plugins and disable-admission-plugins overlapped",
        ),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    enable: list[str], disable: list[str], message: str
) -> None:
    with pytest.raises(PluginFlagError) as refusal:
        enabled_plugins(enable, disable)
    assert str(refusal.value) == message


def test_what_no_plugin_handles_costs_nothing() -> None:
    dependencies = build_dependencies()
    chain = AdmissionChain(build_plugins(enabled_plugins((), ()), dependencies))
    assert not chain.mutates(UPDATE, MAPS, "")
    assert not chain.validates(UPDATE, MAPS, "")
    assert not chain.validates(CREATE, EVENTS, "")
    assert not chain.validates(DELETE, PODS, "")
    assert chain.mutates(CREATE, VOLUMES, "")
