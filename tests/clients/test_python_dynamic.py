"""The official Python client: lists, patches, deletes, and the client of any kind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, ResourceNotFoundError

from tests.clients.conftest import ON_ETCD
from tests.server_process import ServerProcess

pytestmark = ON_ETCD

JSON, MERGE, STRATEGIC = (
    f"application/{form}+json" for form in ("json-patch", "merge-patch", "strategic-merge-patch")
)


@pytest.fixture(scope="module")
def connection(server: ServerProcess) -> Iterator[client.ApiClient]:
    """A client of the administrator."""
    with config.new_client_from_config(str(server.kubeconfig)) as opened:
        yield opened


@pytest.fixture(scope="module")
def dynamic(
    connection: client.ApiClient, tmp_path_factory: pytest.TempPathFactory
) -> DynamicClient:
    """The client of any kind; what it discovers is kept in a file of its own."""
    return DynamicClient(connection, cache_file=str(tmp_path_factory.mktemp("discovery") / "cache"))


@pytest.fixture
def namespace(connection: client.ApiClient) -> str:
    """The name of a new namespace."""
    name = f"dynamic-{uuid.uuid4().hex[:8]}"
    client.CoreV1Api(connection).create_namespace({"metadata": {"name": name}})
    return name


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": data,
    }


def deployment(name: str, *containers: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"containers": [{"name": each, "image": f"{each}:1"} for each in containers]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **spec,
        },
    }


def names(found: Any) -> list[str]:
    return [item.metadata.name for item in found.items]


def test_kinds_are_discovered_by_any_of_their_names(dynamic: DynamicClient) -> None:
    resources = dynamic.resources
    for wanted in ({"kind": "Deployment"}, {"name": "deployments"}, {"short_names": ["deploy"]}):
        found = resources.get(api_version="apps/v1", **wanted)
        assert (found.group, found.kind, found.namespaced) == ("apps", "Deployment", True)
        assert set(found.subresources) == {"scale", "status"}
    with pytest.raises(ResourceNotFoundError):
        resources.get(api_version="v1", kind="Goose")
    assert dynamic.version["kubernetes"]["minor"] == "36"


def test_objects_of_any_kind_are_made_changed_and_removed(
    dynamic: DynamicClient, namespace: str
) -> None:
    cron_jobs = dynamic.resources.get(api_version="batch/v1", kind="CronJob")
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "c", "labels": {"a": "b"}},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}},
    }
    made = cron_jobs.create(body, namespace=namespace)
    assert made.spec.concurrencyPolicy == "Allow"
    changed = made.to_dict()
    changed["spec"]["suspend"] = True
    replaced = cron_jobs.replace(changed, namespace=namespace)
    assert (replaced.spec.suspend, replaced.metadata.generation) == (True, 2)
    with pytest.raises(ConflictError):
        cron_jobs.replace({**changed, "spec": made.to_dict()["spec"]}, namespace=namespace)
    listed = cron_jobs.get(namespace=namespace, label_selector="a=b")
    assert (listed.kind, names(listed)) == ("CronJobList", ["c"])
    cron_jobs.delete(name="c", namespace=namespace)
    with pytest.raises(NotFoundError):
        cron_jobs.get(name="c", namespace=namespace)


def test_an_apply_is_refused_where_another_owns_and_forced_where_wanted(
    dynamic: DynamicClient, namespace: str
) -> None:
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")

    def apply(manager: str, replicas: int, *, force: bool = False) -> Any:
        body = deployment("web", "c", replicas=replicas)
        return deployments.server_side_apply(
            body, namespace=namespace, field_manager=manager, force_conflicts=force
        )

    made = apply("one", 2)
    assert apply("one", 2).metadata.resourceVersion == made.metadata.resourceVersion
    with pytest.raises(ConflictError) as refused:
        apply("two", 3)
    assert refused.value.summary() == (
        'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    )
    forced = apply("two", 3, force=True)
    assert forced.spec.replicas == 3
    owners = {
        each["manager"]: "f:replicas" in each["fieldsV1"]["f:spec"]
        for each in forced.to_dict()["metadata"]["managedFields"]
    }
    assert owners == {"one": False, "two": True}


def test_a_subresource_has_its_own_path(dynamic: DynamicClient, namespace: str) -> None:
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    deployments.create(deployment("web", "c"), namespace=namespace)
    deployments.status.patch(
        name="web", namespace=namespace, body={"status": {"replicas": 4}}, content_type=MERGE
    )
    found = deployments.get(name="web", namespace=namespace)
    assert (found.status.replicas, found.spec.replicas) == (4, 1)
    scale = deployments.scale.get(name="web", namespace=namespace)
    assert (scale.kind, scale.spec.replicas, scale.status.selector) == ("Scale", 1, "app=web")
    deployments.scale.patch(
        name="web", namespace=namespace, body={"spec": {"replicas": 6}}, content_type=MERGE
    )
    assert deployments.get(name="web", namespace=namespace).spec.replicas == 6


def test_pages_agree_though_objects_come_and_go_between_them(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)
    wanted = [f"page-{number}" for number in range(7)]
    for name in wanted:
        core.create_namespaced_config_map(namespace, config_map(name))
    first = core.list_namespaced_config_map(namespace, limit=3)
    assert (names(first), first.metadata.remaining_item_count) == (wanted[:3], 4)
    core.delete_namespaced_config_map("page-4", namespace)
    core.create_namespaced_config_map(namespace, config_map("page-9"))
    found, page = names(first), first
    while page.metadata._continue:
        page = core.list_namespaced_config_map(
            namespace, limit=3, _continue=page.metadata._continue
        )
        assert page.metadata.resource_version == first.metadata.resource_version
        found += names(page)
    assert found == wanted
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_config_map(namespace, limit=3, _continue="no token")
    assert refused.value.status == 400


def test_a_list_is_of_the_version_that_is_asked_for(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)

    def listed(version: str | None = None, match: str | None = None) -> list[str]:
        return names(
            core.list_namespaced_config_map(
                namespace, resource_version=version, resource_version_match=match
            )
        )

    one = core.create_namespaced_config_map(namespace, config_map("one"))
    core.create_namespaced_config_map(namespace, config_map("two"))
    core.delete_namespaced_config_map("one", namespace)
    version = one.metadata.resource_version
    assert listed() == ["two"]
    assert listed(version, "Exact") == ["one"]
    assert listed(version, "NotOlderThan") == ["two"]
    assert listed("0") == ["two"]
    for bad, match, status in (
        (version, "Roughly", 422),
        (None, "Exact", 422),
        ("0", "Exact", 422),
        ("x", None, 400),
    ):
        with pytest.raises(ApiException) as refused:
            listed(bad, match)
        assert refused.value.status == status, (bad, match)


PATCHES = [
    (JSON, [{"op": "replace", "path": "/data/a", "value": "2"}], {"a": "2", "b": "1"}),
    (MERGE, {"data": {"a": None, "c": "3"}}, {"b": "1", "c": "3"}),
    (STRATEGIC, {"data": {"$retainKeys": ["a"], "a": "2"}}, {"a": "2"}),
]


@pytest.mark.parametrize(("media_type", "patch", "data"), PATCHES)
def test_a_patch_is_read_by_its_media_type(
    dynamic: DynamicClient, namespace: str, media_type: str, patch: Any, data: dict[str, str]
) -> None:
    config_maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    config_maps.create(config_map("c", a="1", b="1"), namespace=namespace)
    patched = config_maps.patch(patch, name="c", namespace=namespace, content_type=media_type)
    assert patched.to_dict()["data"] == data
    with pytest.raises(ApiException) as refused:
        config_maps.patch(patch, name="c", namespace=namespace, content_type="application/json")
    assert refused.value.status == 415


def test_the_typed_client_merges_lists_by_their_keys(
    connection: client.ApiClient, namespace: str
) -> None:
    apps = client.AppsV1Api(connection)
    apps.create_namespaced_deployment(namespace, deployment("web", "a", "b"))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:2"}]}}}}
    patched = apps.patch_namespaced_deployment("web", namespace, patch)
    images = {each.name: each.image for each in patched.spec.template.spec.containers}
    assert images == {"a": "a:1", "b": "b:2"}
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    scale.spec.replicas = 5
    apps.replace_namespaced_deployment_scale("web", namespace, scale)
    assert apps.read_namespaced_deployment("web", namespace).spec.replicas == 5


def test_a_delete_has_preconditions_and_a_policy(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)

    def delete(**options: Any) -> Any:
        body = client.V1DeleteOptions(**options)
        return core.delete_namespaced_config_map("c", namespace, body=body)

    made = core.create_namespaced_config_map(namespace, config_map("c"))
    metadata = made.metadata
    for wrong in ({"uid": "another"}, {"resource_version": "1"}):
        with pytest.raises(ApiException) as refused:
            delete(preconditions=client.V1Preconditions(**wrong))
        assert refused.value.status == 409
    with pytest.raises(ApiException) as refused:
        delete(propagation_policy="Sideways")
    assert refused.value.status == 422
    assert delete(dry_run=["All"])["status"] == "Success"
    assert core.read_namespaced_config_map("c", namespace).metadata.uid == metadata.uid
    right = client.V1Preconditions(uid=metadata.uid, resource_version=metadata.resource_version)
    gone = delete(preconditions=right, propagation_policy="Background")
    assert gone["status"] == "Success"
    assert gone["details"] == {"name": "c", "kind": "configmaps", "uid": metadata.uid}


def test_a_collection_is_deleted_by_a_selector(
    connection: client.ApiClient, namespace: str
) -> None:
    core = client.CoreV1Api(connection)
    for name, group in (("a", "one"), ("b", "two"), ("c", "one")):
        body = config_map(name)
        body["metadata"]["labels"] = {"group": group}
        core.create_namespaced_config_map(namespace, body)
    core.delete_collection_namespaced_config_map(namespace, label_selector="group=one")
    assert names(core.list_namespaced_config_map(namespace)) == ["b"]


def test_complaints_come_as_a_status_with_causes(
    connection: client.ApiClient, namespace: str
) -> None:
    apps = client.AppsV1Api(connection)
    body = deployment("web", "c", replicas=-1)
    body["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    with pytest.raises(ApiException) as refused:
        apps.create_namespaced_deployment(namespace, body)
    assert refused.value.status == 422
    assert '"reason":"Invalid"' in refused.value.body
    assert '"field":"spec.replicas"' in refused.value.body
    assert '"field":"spec.template.metadata.labels"' in refused.value.body
    with pytest.raises(ApiException) as refused:
        apps.create_namespaced_deployment(namespace, {**body, "kind": "Job"})
    assert refused.value.status == 400
