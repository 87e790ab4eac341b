"""managedFields: reading, writing, resetting, capping and keeping times."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager.errors import MalformedManagedFields
from apiserver.fieldmanager.managers import Manager, manager_name
from apiserver.fieldmanager.ownership import Owners, entry
from apiserver.machinery.empties import member, note


def at(second: int) -> str:
    return f"2024-01-01T00:00:{second:02d}Z"


def updater(name: str, second: int, *fields: str, version: str = "v1") -> Owners:
    me = Manager.updater(name, version)
    return {me: entry(me, version, at(second), {f"f:{name}": {} for name in fields})}


def test_entries_are_ordered_appliers_first_then_by_age_and_name() -> None:
    applier = Manager.applier("zoe")
    owners = {
        **updater("bob", 2, "a"),
        **updater("amy", 2, "b"),
        **updater("cat", 1, "c"),
        applier: entry(applier, "v1", at(3), {"f:d": {}}),
        Manager.applier("new"): entry(Manager.applier("new"), "v1", None, {"f:d": {}}),
    }
    names = [held["manager"] for held in managedfields.encode(owners)]
    assert names == ["new", "zoe", "cat", "amy", "bob"]


def test_an_entry_has_its_members_in_the_reference_s_order() -> None:
    me = Manager.updater("hpa", "apps/v1", "scale")
    held = entry(me, "apps/v1", at(1), {"f:b": {}, "f:a": {}})
    assert list(held) == [
        "manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource",
    ]  # fmt: skip
    assert list(held["fieldsV1"]) == ["f:a", "f:b"]


def test_appliers_are_the_same_in_every_version_updaters_are_not() -> None:
    entries = [
        {"manager": "m", "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1",
         "fieldsV1": {"f:a": {}}}
        for operation in ("Apply", "Update") for version in ("v1", "v2")
    ]  # fmt: skip
    owners = managedfields.decode(entries)
    assert [(owner.operation, held["apiVersion"]) for owner, held in owners.items()] == [
        ("Apply", "v2"),
        ("Update", "v1"),
        ("Update", "v2"),
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"operation": "Invent"}, "operation must be `Apply` or `Update`"),
        ({"operation": None}, "operation must be `Apply` or `Update`"),
        ({"apiVersion": ""}, "apiVersion must not be empty"),
        ({"fieldsType": ""}, "missing fieldsType in managed fields entry 0"),
        ({"fieldsType": "FieldsV2"}, 'invalid fieldsType "FieldsV2" in managed fields entry 0'),
        ({"fieldsV1": {"field": {}}}, "error decoding set: missing colon: field"),
        ({"fieldsV1": []}, "error decoding set: expected an object"),
    ],
)
def test_malformed_entries_are_refused(changes: dict[str, Any], complaint: str) -> None:
    held = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    with pytest.raises(MalformedManagedFields) as error:
        managedfields.parse([{**held, "fieldsV1": {}, **changes}])
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    ("entries", "reset"), [([], True), ([{}], True), ([{}, {}], False), (None, False)]
)
def test_some_lists_ask_for_a_reset(entries: Any, reset: bool) -> None:
    assert managedfields.is_reset(entries) is reset


def test_the_oldest_updaters_become_one_when_there_are_more_than_ten() -> None:
    owners: Owners = {}
    for number in range(12):
        owners |= updater(f"m{number:02d}", number, f"f{number}")
    left = managedfields.capped(owners)
    entries = managedfields.encode(left)
    assert [held["manager"] for held in entries][:2] == ["ancient-changes", "m03"]
    assert len(entries) == 10
    assert entries[0]["fieldsV1"] == {"f:f0": {}, "f:f1": {}, "f:f2": {}}
    assert entries[0]["time"] == at(2)


def test_ancient_changes_grow() -> None:
    owners = updater("ancient-changes", 1, "x")
    for number in range(10):
        owners |= updater(f"m{number}", 10 + number, f"f{number}")
    entries = managedfields.encode(managedfields.capped(owners))
    assert entries[0]["manager"] == "ancient-changes"
    assert entries[0]["fieldsV1"] == {"f:f0": {}, "f:x": {}}
    assert len(entries) == 10


def test_only_updaters_of_one_version_become_one() -> None:
    owners = updater("old", 0, "a", version="v1beta1")
    for number in range(11):
        owners |= updater(f"m{number:02d}", 1 + number, f"f{number}")
    entries = managedfields.encode(managedfields.capped(owners))
    assert [(held["manager"], held["apiVersion"]) for held in entries][:2] == [
        ("old", "v1beta1"),
        ("ancient-changes", "v1"),
    ]
    assert len(entries) == 10


def test_ancient_changes_that_are_as_old_as_another_are_not_lost() -> None:
    owners = updater("ancient-changes", 1, "x") | updater("a-first", 1, "y")
    for number in range(9):
        owners |= updater(f"m{number}", 10 + number, f"f{number}")
    entries = managedfields.encode(managedfields.capped(owners))
    assert entries[0]["fieldsV1"] == {"f:x": {}, "f:y": {}}


def test_appliers_do_not_count() -> None:
    owners: Owners = {}
    for number in range(20):
        applier = Manager.applier(f"m{number}")
        owners[applier] = entry(applier, "v1", None, {"f:a": {}})
    assert managedfields.capped(owners) is owners


def stored(second: int, data: str, **metadata: Any) -> dict[str, Any]:
    entries = managedfields.encode(updater("m", second, "data"))
    return {"metadata": {"name": "a", "managedFields": entries, **metadata}, "data": data}


def test_a_later_time_alone_is_no_change() -> None:
    existing, desired = stored(1, "x", resourceVersion="7"), stored(2, "x")
    assert managedfields.keep_times(existing, desired) == existing


def test_times_are_new_where_anything_else_is() -> None:
    existing, desired = stored(1, "x"), stored(2, "y")
    assert managedfields.keep_times(existing, desired) is desired
    desired = managedfields.with_owners(existing, updater("m", 2, "data", "more"))
    assert managedfields.keep_times(existing, desired) is desired
    desired = managedfields.with_owners(existing, updater("m", 2, "data") | updater("n", 1, "x"))
    assert managedfields.keep_times(existing, desired) is desired


@pytest.mark.parametrize(
    ("field_manager", "user_agent", "name"),
    [
        ("me", "kubectl/v1.36", "me"),
        ("", "kubectl/v1.36.2 (linux/amd64) kubernetes/abcdef", "kubectl"),
        ("", "no slash here", "no slash here"),
        ("", "tab\tand\x00nul/1", "tabandnul"),
        ("", "z" * 200 + "/1", "z" * 128),
        ("", "é" * 100, "é" * 64),
        ("", "", ""),
    ],
)
def test_a_manager_is_called_as_it_asks_or_as_its_client(
    field_manager: str, user_agent: str, name: str
) -> None:
    assert manager_name(field_manager, user_agent) == name


def test_an_object_with_owners_is_known_to_have_been_sent_with_an_empty_map() -> None:
    document = {"metadata": {"name": "a"}}
    note([(document, "parameters", {})])
    assert member(managedfields.with_owners(document, {}), "parameters") == {}
