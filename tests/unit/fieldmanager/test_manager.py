"""The policy of ownership, on built-in kinds."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager.errors import (
    Conflicts,
    MalformedApply,
    MalformedManagedFields,
    UntypedObject,
)
from apiserver.fieldmanager.lastapplied import ANNOTATION
from apiserver.fieldmanager.manager import ExcludeFields, FieldManager, IncludeFields
from apiserver.machinery import empties
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.resources.builtin.kinds import builtin_types

NOW, LATER, LAST = (f"2024-01-01T00:00:0{second}Z" for second in range(3))


def manager_of(api_version: str, kind: str) -> FieldManager:
    never = {"": {"f:status": {}}, "status": {"f:spec": {}, "f:metadata": {"f:labels": {}}}}
    resets = {name: {api_version: ExcludeFields(fields)} for name, fields in never.items()}
    resets["resize"] = {api_version: IncludeFields({"f:spec": {"f:replicas": {}}})}
    return FieldManager(
        builtin_types(GroupVersionKind(*parse_api_version(api_version), kind)), reset_fields=resets
    )


MAPS, DEPLOYMENTS, SERVICES = (
    manager_of("v1", "ConfigMap"),
    manager_of("apps/v1", "Deployment"),
    manager_of("v1", "Service"),
)


def config_map(data: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}
    return document if data is None else {**document, "data": data}


def fields_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of each owner; appliers are told by a leading ``+``."""
    return {
        ("+" if entry["operation"] == "Apply" else "")
        + entry["manager"]
        + ("/" + entry["subresource"] if "subresource" in entry else ""): entry["fieldsV1"]
        for entry in managedfields.of(document)
    }


def create(data: dict[str, Any], manager: str = "creator") -> dict[str, Any]:
    return MAPS.update(None, config_map(data), manager=manager, now=NOW)


def test_a_new_object_belongs_to_its_creator_but_for_what_every_one_has() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "labels": {"app": "a"}, "creationTimestamp": None},
        "spec": {
            "selector": {"app": "a"},
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }
    created = SERVICES.update(None, service, manager="kubectl-create", now=NOW)
    port = 'k:{"port":80,"protocol":"TCP"}'
    inner = {".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    assert managedfields.of(created) == [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "v1",
            "time": NOW,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {"f:ports": {".": {}, port: inner}, "f:selector": {}, "f:type": {}},
            },
        }
    ]


def test_an_object_of_nothing_but_a_name_has_no_owner() -> None:
    assert "managedFields" not in MAPS.update(None, config_map(), manager="m", now=NOW)["metadata"]


def test_what_is_passed_in_is_not_changed() -> None:
    desired = config_map({"a": "1"}, managedFields=[])
    before = copy.deepcopy(desired)
    MAPS.update(None, desired, manager="m", now=NOW)
    assert desired == before


def test_an_update_that_changes_nothing_changes_no_time() -> None:
    live = create({"a": "1"})
    again = MAPS.update(live, config_map({"a": "1"}), manager="creator", now=LATER)
    assert managedfields.of(again) == managedfields.of(live)


def test_an_update_that_changes_something_has_its_time() -> None:
    live = create({"a": "1"})
    again = MAPS.update(live, config_map({"a": "2"}), manager="creator", now=LATER)
    assert [entry["time"] for entry in managedfields.of(again)] == [LATER]
    assert fields_of(again) == fields_of(live)


def test_a_manager_without_a_name_is_unknown() -> None:
    assert set(fields_of(create({"a": "1"}, manager=""))) == {"unknown"}


def test_a_manager_with_a_name_is_one_for_each_subresource() -> None:
    live = DEPLOYMENTS.update(None, deployment(), manager="m", now=NOW)
    desired = {**deployment(replicas=9), "status": {"replicas": 1}}
    desired["metadata"] = {"name": "a", "labels": {"l": "x"}, "annotations": {"n": "x"}}
    live = DEPLOYMENTS.update(live, desired, manager="m", subresource="status", now=LATER)
    assert fields_of(live)["m/status"] == {
        "f:metadata": {"f:annotations": {".": {}, "f:n": {}}},
        "f:status": {"f:replicas": {}},
    }


def test_a_subresource_may_own_only_what_is_on_its_pattern() -> None:
    live = DEPLOYMENTS.update(None, deployment(), manager="m", now=NOW)
    desired = {**deployment(replicas=9), "status": {"replicas": 1}}
    live = DEPLOYMENTS.update(live, desired, manager="n", subresource="resize", now=LATER)
    assert fields_of(live)["n/resize"] == {"f:spec": {"f:replicas": {}}}


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"replicas": 1, "template": {"metadata": {}, "spec": {}}, "strategy": {}, **spec},
        "status": {},
    }


@pytest.mark.parametrize("given", [[], [{}]])
def test_ownership_can_be_forgotten_and_is_not_tracked_then(given: Any) -> None:
    live = create({"a": "1"})
    live = MAPS.update(live, config_map({"a": "2"}, managedFields=given), manager="m", now=LATER)
    assert live == config_map({"a": "2"})
    live = MAPS.update(live, config_map({"a": "3"}), manager="m", now=LATER)
    assert live == config_map({"a": "3"})


def test_a_new_object_is_tracked_though_its_managed_fields_are_reset() -> None:
    desired = config_map({"a": "1"}, managedFields=[{}])
    assert set(fields_of(MAPS.update(None, desired, manager="m", now=NOW))) == {"m"}


def test_a_client_may_rewrite_who_owns_what() -> None:
    live = create({"a": "1", "b": "2"})
    given = [
        {
            "manager": "renamed", "operation": "Apply", "apiVersion": "v1", "time": NOW,
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}},
        }
    ]  # fmt: skip
    desired = config_map({"a": "1", "b": "3"}, managedFields=given)
    live = MAPS.update(live, desired, manager="m", now=LATER)
    assert fields_of(live) == {"+renamed": {"f:data": {"f:a": {}}}, "m": {"f:data": {"f:b": {}}}}


def test_through_a_subresource_nobody_rewrites_ownership() -> None:
    live = DEPLOYMENTS.update(None, deployment(), manager="m", now=NOW)
    desired = deployment()
    desired["metadata"]["managedFields"] = []
    live = DEPLOYMENTS.update(live, desired, manager="m", subresource="status", now=LATER)
    assert set(fields_of(live)) == {"m"}


@pytest.mark.parametrize(
    "given",
    [
        None,
        [{"manager": "x", "operation": "Invent", "apiVersion": "v1"}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2"}],
        "nonsense",
    ],
)
def test_what_a_client_says_of_owners_and_cannot_mean_is_ignored(given: Any) -> None:
    live = create({"a": "1"})
    desired = config_map({"a": "2"}, managedFields=given)
    assert set(fields_of(MAPS.update(live, desired, manager="m", now=LATER))) == {"creator", "m"}


def test_an_object_of_the_wrong_type_loses_its_owners() -> None:
    live = DEPLOYMENTS.update(None, deployment(), manager="m", now=NOW)
    desired = deployment(unheard_of=1)
    changed = DEPLOYMENTS.update(live, desired, manager="n", now=LATER)
    assert managedfields.of(changed) == []


def test_the_eleventh_updater_makes_the_oldest_ancient() -> None:
    live = create({"k0": "x"}, manager="m0")
    for number in range(1, 11):
        data = {**live["data"], f"k{number}": "x"}
        now = f"2024-01-01T00:01:{number:02d}Z"
        live = MAPS.update(live, config_map(data), manager=f"m{number}", now=now)
    owners = fields_of(live)
    assert len(owners) == 10
    assert owners["ancient-changes"] == {"f:data": {".": {}, "f:k0": {}, "f:k1": {}}}


def test_applying_to_an_object_without_owners_finds_out_whose_it_was() -> None:
    live = config_map({"a": "1", "b": "2"}, uid="u")
    with pytest.raises(Conflicts) as conflicts:
        MAPS.apply(live, config_map({"a": "9"}), manager="m", now=NOW)
    assert str(conflicts.value) == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
    )
    applied = MAPS.apply(live, config_map({"a": "1"}), manager="m", now=NOW)
    assert fields_of(applied) == {
        "+m": {"f:data": {"f:a": {}}},
        "before-first-apply": {"f:data": {".": {}, "f:a": {}, "f:b": {}}},
    }
    assert [entry.get("time") for entry in managedfields.of(applied)] == [None, NOW]


def test_an_apply_creates_what_is_not_there() -> None:
    applied = MAPS.apply(None, config_map({"a": "1"}), manager="m", now=NOW)
    assert applied["data"] == {"a": "1"}
    assert [entry["time"] for entry in managedfields.of(applied)] == [NOW]


def test_an_apply_without_effect_returns_what_is_stored() -> None:
    live = MAPS.apply(None, config_map({"a": "1"}), manager="m", now=NOW)
    assert MAPS.apply(live, config_map({"a": "1"}), manager="m", now=LATER) is live


def test_an_apply_that_only_claims_has_no_time() -> None:
    live = MAPS.apply(None, config_map({"a": "1"}), manager="m", now=NOW)
    live = MAPS.apply(live, config_map({"a": "1"}), manager="n", now=LATER)
    assert [(e["manager"], e.get("time")) for e in managedfields.of(live)] == [
        ("n", None),
        ("m", NOW),
    ]


def test_the_name_of_an_object_is_not_given_up_with_its_labels() -> None:
    live = MAPS.apply(None, config_map(labels={"a": "x"}), manager="m", now=NOW)
    live["metadata"]["uid"] = "u"
    live = MAPS.apply(live, config_map(), manager="m", now=LATER)
    assert live == config_map(uid="u")


def test_the_name_is_given_up_with_all_of_the_metadata() -> None:
    live = MAPS.apply(None, config_map(labels={"a": "x"}), manager="m", now=NOW)
    nameless = {"apiVersion": "v1", "kind": "ConfigMap"}
    assert "name" not in MAPS.apply(live, nameless, manager="m", now=LATER)["metadata"]


@pytest.mark.parametrize(
    ("applied", "complaint"),
    [
        ({"apiVersion": "v1", "kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        (
            {"apiVersion": "apps/v1", "kind": "ConfigMap"},
            "invalid object type: apps/v1, Kind=ConfigMap",
        ),
        ({}, "invalid object type: /, Kind="),
        (config_map(managedFields=[]), "metadata.managedFields must be nil"),
    ],
)
def test_what_cannot_be_applied_is_refused(applied: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedApply) as error:
        MAPS.apply(None, applied, manager="m", now=NOW)
    assert str(error.value) == complaint


def test_a_document_of_the_wrong_type_is_named() -> None:
    applied = config_map({"a": 1}, namespace="ns")
    with pytest.raises(UntypedObject) as error:
        MAPS.apply(None, applied, manager="m", now=NOW)
    assert str(error.value) == (
        "failed to create typed patch object (ns/a; /v1, Kind=ConfigMap): "
        ".data.a: expected string, got &value.valueUnstructured{Value:1}"
    )


def test_nothing_is_applied_to_an_object_whose_owners_cannot_be_read() -> None:
    live = config_map({"a": "1"}, managedFields=[{"manager": "m", "operation": "Odd"}])
    with pytest.raises(MalformedManagedFields) as error:
        MAPS.apply(live, config_map(), manager="m", now=NOW)
    assert str(error.value) == (
        "failed to decode managed fields: operation must be `Apply` or `Update`"
    )
    updated = MAPS.update(live, config_map({"a": "2"}), manager="m", now=NOW)
    assert "managedFields" not in updated["metadata"]


def test_conflicts_are_told_by_manager_and_path() -> None:
    live = DEPLOYMENTS.update(None, deployment(paused=True), manager="b", now=NOW)
    live = DEPLOYMENTS.apply(
        live, {**applied_deployment(), "metadata": {"labels": {"l": "x"}}}, manager="a", now=NOW
    )
    wanted = {**applied_deployment(replicas=2, paused=False), "metadata": {"labels": {"l": "y"}}}
    with pytest.raises(Conflicts) as conflicts:
        DEPLOYMENTS.apply(live, wanted, manager="c", now=LATER)
    assert str(conflicts.value) == (
        'Apply failed with 3 conflicts: conflicts with "a":\n- .metadata.labels.l\n'
        'conflicts with "b" using apps/v1:\n- .spec.paused\n- .spec.replicas'
    )
    assert conflicts.value.causes() == [
        {"reason": "FieldManagerConflict", "message": message, "field": field}
        for message, field in (
            ('conflict with "a"', ".metadata.labels.l"),
            ('conflict with "b" using apps/v1', ".spec.paused"),
            ('conflict with "b" using apps/v1', ".spec.replicas"),
        )
    ]


def applied_deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}


class TestClientSideApply:
    """kubectl takes over what it applied in the old way."""

    @staticmethod
    def live(applied: dict[str, str], data: dict[str, str]) -> dict[str, Any]:
        annotations = {ANNOTATION: json.dumps(config_map(applied))}
        document = config_map(data, annotations=annotations)
        return MAPS.update(None, document, manager="kubectl-client-side-apply", now=NOW)

    def test_what_is_as_it_was_applied_is_no_conflict(self) -> None:
        live = self.live({"a": "1"}, {"a": "1"})
        applied = MAPS.apply(live, config_map({"a": "2"}), manager="kubectl", now=LATER)
        assert applied["data"] == {"a": "2"}
        assert fields_of(applied)["+kubectl"] == {"f:data": {"f:a": {}}}

    def test_the_annotation_follows(self) -> None:
        live = self.live({"a": "1"}, {"a": "1"})
        applied = MAPS.apply(live, config_map({"a": "<2>"}), manager="kubectl", now=LATER)
        assert applied["metadata"]["annotations"][ANNOTATION] == (
            '{"apiVersion":"v1","data":{"a":"\\u003c2\\u003e"},"kind":"ConfigMap",'
            '"metadata":{"name":"a"}}\n'
        )

    def test_what_others_changed_since_is_a_conflict(self) -> None:
        live = self.live({"a": "1", "b": "1"}, {"a": "1", "b": "1"})
        desired = copy.deepcopy(live)
        desired["data"]["b"] = "theirs"
        live = MAPS.update(live, desired, manager="other", now=LATER)
        with pytest.raises(Conflicts) as conflicts:
            MAPS.apply(live, config_map({"a": "2", "b": "2"}), manager="kubectl", now=LAST)
        assert [cause["field"] for cause in conflicts.value.causes()] == [".data.b"]

    def test_only_kubectl_takes_over(self) -> None:
        live = self.live({"a": "1"}, {"a": "1"})
        with pytest.raises(Conflicts):
            MAPS.apply(live, config_map({"a": "2"}), manager="other", now=LATER)

    @pytest.mark.parametrize(
        "annotation", ["", "not json", "[]", '{"apiVersion":"v2"}', '{"apiVersion":"v1","x":1}']
    )
    def test_an_annotation_that_says_nothing_helps_nobody(self, annotation: str) -> None:
        document = config_map({"a": "1"}, annotations={ANNOTATION: annotation})
        live = MAPS.update(None, document, manager="m", now=NOW)
        with pytest.raises(Conflicts):
            MAPS.apply(live, config_map({"a": "2"}), manager="kubectl", now=LATER)

    def test_an_annotation_that_would_be_too_long_is_dropped(self) -> None:
        live = self.live({"a": "1"}, {"a": "1"})
        applied = MAPS.apply(live, config_map({"a": "x" * 262144}), manager="kubectl", now=LATER)
        assert applied["metadata"]["annotations"] == {}


def test_an_empty_list_is_owned_by_the_manager_that_creates_the_object_with_it() -> None:
    slices = manager_of("discovery.k8s.io/v1", "EndpointSlice")
    sent = {"addressType": "IPv4", "endpoints": None, "ports": None, "metadata": {"name": "a"}}
    document = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **sent}
    empties.note([(document, "endpoints", [])])
    made = slices.update(None, document, manager="m", now=NOW)
    owned = made["metadata"]["managedFields"][0]["fieldsV1"]
    assert owned == {"f:addressType": {}, "f:endpoints": {}}
    updated = slices.update(made, {**made}, manager="n", now=LATER)
    assert [each["manager"] for each in updated["metadata"]["managedFields"]] == ["m"]
