"""The official Python client and kinds of CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.dynamic import DynamicClient

from tests.clients.wolves import a_group, wolf, wolves
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE, wait_until

SCOPE = ("v1", "default", "wolves")


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[client.ApiClient]:
    """A client of the administrator."""
    with config.new_client_from_config(str(server.kubeconfig)) as opened:
        yield opened


@pytest.fixture
def group(connection: client.ApiClient) -> Iterator[str]:
    """The group of wolves, which exist for one test."""
    name = a_group()
    definitions = client.ApiextensionsV1Api(connection)
    definitions.create_custom_resource_definition(wolves(name))

    def is_established() -> bool:
        found = definitions.read_custom_resource_definition(f"wolves.{name}")
        conditions = found.status.conditions or ()
        return any(each.type == "Established" and each.status == "True" for each in conditions)

    wait_until(is_established)
    yield name
    definitions.delete_custom_resource_definition(f"wolves.{name}")


def test_an_object_is_created_read_changed_and_deleted(
    connection: client.ApiClient, group: str
) -> None:
    objects = client.CustomObjectsApi(connection)
    created = objects.create_namespaced_custom_object(group, *SCOPE, wolf(group, names=["x"]))
    assert created["spec"] == {"names": ["x"], "size": 3}
    created["spec"]["size"] = 4
    replaced = objects.replace_namespaced_custom_object(group, *SCOPE, "a", created)
    assert replaced["metadata"]["generation"] == 2
    with pytest.raises(client.ApiException) as stale:
        objects.replace_namespaced_custom_object(group, *SCOPE, "a", created)
    assert stale.value.status == 409
    patch = {"spec": {"size": 5}}
    patched = objects.patch_namespaced_custom_object(group, *SCOPE, "a", patch)
    assert patched["spec"]["size"] == 5
    status = {"status": {"n": 1}}
    written = objects.patch_namespaced_custom_object_status(group, *SCOPE, "a", status)
    assert written["status"] == {"n": 1}
    listed = objects.list_cluster_custom_object(group, "v1", "wolves", label_selector="!x")
    assert [item["kind"] for item in listed["items"]] == ["Wolf"]
    with pytest.raises(client.ApiException) as wrong:
        objects.create_namespaced_custom_object(group, *SCOPE, wolf(group, "b", size="big"))
    assert wrong.value.status == 422
    objects.delete_collection_namespaced_custom_object(group, *SCOPE)
    with pytest.raises(client.ApiException) as gone:
        objects.get_namespaced_custom_object(group, *SCOPE, "a")
    assert gone.value.status == 404


def test_a_scale_is_read_and_written(connection: client.ApiClient, group: str) -> None:
    objects = client.CustomObjectsApi(connection)
    objects.create_namespaced_custom_object(group, *SCOPE, wolf(group, replicas=1))
    scale = objects.get_namespaced_custom_object_scale(group, *SCOPE, "a")
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 1})
    scale["spec"]["replicas"] = 2
    objects.replace_namespaced_custom_object_scale(group, *SCOPE, "a", scale)
    found = objects.get_namespaced_custom_object(group, *SCOPE, "a")
    assert found["spec"]["replicas"] == 2


def test_changes_are_watched(connection: client.ApiClient, group: str) -> None:
    objects = client.CustomObjectsApi(connection)
    objects.create_namespaced_custom_object(group, *SCOPE, wolf(group))
    objects.patch_namespaced_custom_object(group, *SCOPE, "a", {"spec": {"size": 9}})
    seen: list[tuple[str, Any]] = []
    events = watch.Watch().stream(
        objects.list_namespaced_custom_object, group, *SCOPE, timeout_seconds=PATIENCE
    )
    for event in events:
        seen.append((event["type"], event["object"]["spec"]["size"]))
        if len(seen) == 1:
            objects.delete_namespaced_custom_object(group, *SCOPE, "a")
        else:
            break
    assert seen == [("ADDED", 9), ("DELETED", 9)]


def test_a_dynamic_client_finds_the_kind(connection: client.ApiClient, group: str) -> None:
    kind = DynamicClient(connection).resources.get(api_version=f"{group}/v1", kind="Wolf")
    assert kind.short_names == ["wf"]
    applied = kind.server_side_apply(
        body=wolf(group, ports=[{"name": "x", "port": 1}]),
        name="a",
        namespace="default",
        field_manager="me",
    )
    assert applied.spec.ports[0].port == 1
    assert applied.metadata.managedFields[0].operation == "Apply"
