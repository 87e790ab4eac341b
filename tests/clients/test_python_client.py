"""The official Python client, with the kubeconfig that the server wrote."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from kubernetes import client, config, watch

from tests.server_process import ServerProcess
from tests.waiting import PATIENCE


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[client.ApiClient]:
    """A client of the administrator."""
    with config.new_client_from_config(str(server.kubeconfig)) as opened:
        yield opened


@pytest.fixture
def namespace(connection: client.ApiClient) -> str:
    """The name of a new namespace."""
    name = f"python-{uuid.uuid4().hex[:8]}"
    body = client.V1Namespace(metadata=client.V1ObjectMeta(name=name))
    client.CoreV1Api(connection).create_namespace(body)
    return name


def config_map(name: str, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)


def test_an_object_is_created_read_changed_and_deleted(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)
    created = core.create_namespaced_config_map(namespace, config_map("a", k="v"))
    assert created.metadata.uid
    read = core.read_namespaced_config_map("a", namespace)
    assert read.data == {"k": "v"}
    read.data["k"] = "w"
    replaced = core.replace_namespaced_config_map("a", namespace, read)
    assert int(replaced.metadata.resource_version) > int(created.metadata.resource_version)
    with pytest.raises(client.ApiException) as stale:
        core.replace_namespaced_config_map("a", namespace, created)
    assert stale.value.status == 409
    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    assert patched.data == {"k": "w", "x": "y"}
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(client.ApiException) as absent:
        core.read_namespaced_config_map("a", namespace)
    assert absent.value.status == 404


def test_a_list_comes_in_pages(connection: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(connection)
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        core.create_namespaced_config_map(namespace, config_map(name))
    found: list[str] = []
    token = None
    while True:
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token)
        found += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert found == names


def test_a_watch_goes_on_from_where_a_list_ended(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("w"))
    core.delete_namespaced_config_map("w", namespace)
    seen = []
    watching = watch.Watch()
    events = watching.stream(
        core.list_namespaced_config_map,
        namespace,
        resource_version=version,
        timeout_seconds=PATIENCE,
    )
    for event in events:
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            watching.stop()
    assert seen == [("ADDED", "w"), ("DELETED", "w")]


def test_workloads_are_stored_with_their_defaults(
    connection: client.ApiClient, namespace: str
) -> None:
    container = client.V1Container(name="c", image="nginx")
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "web"}),
        spec=client.V1PodSpec(containers=[container]),
    )
    spec = client.V1DeploymentSpec(
        selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template
    )
    body = client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    created = client.AppsV1Api(connection).create_namespaced_deployment(namespace, body)
    assert created.spec.replicas == 1
    assert created.spec.template.spec.restart_policy == "Always"
