"""Reset: the stored state is restored, and watches and controllers follow."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from apiserver.testing import ApiServer, ControlFailed, RequestRefused
from tests.harness.conftest import ConfigMaps
from tests.waiting import PATIENCE

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"size": {"type": "integer"}},
                    }
                },
            }
        ],
    },
}
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "size": 1}


def test_objects_are_created_changed_and_deleted_back(
    apiserver: ApiServer, configmaps: ConfigMaps
) -> None:
    kept = configmaps.create("kept", a="1")
    configmaps.create("changed", a="1")
    snapshot = apiserver.snapshot()
    configmaps.create("new", a="1")
    configmaps.patch("changed", a="2")
    configmaps.delete("kept")
    before = apiserver.revision
    assert apiserver.reset(snapshot) == 3
    assert sorted(configmaps.names()) == ["changed", "kept"]
    assert configmaps.read("changed").data == {"a": "1"}
    back = configmaps.read("kept")
    assert back.metadata.uid == kept.metadata.uid
    assert int(back.metadata.resource_version) > before, "revisions go on"
    assert apiserver.reset(snapshot) == 0


def test_what_was_read_before_conflicts(
    apiserver: ApiServer, core: client.CoreV1Api, configmaps: ConfigMaps
) -> None:
    snapshot = apiserver.snapshot()
    stale = configmaps.create("a", a="1")
    apiserver.reset(snapshot)
    configmaps.create("a", a="2")
    with pytest.raises(ApiException, match="Conflict"):
        core.replace_namespaced_config_map("a", "default", stale)


def test_kinds_come_and_go_with_their_definitions(apiserver: ApiServer) -> None:
    empty = apiserver.snapshot()
    apiserver.install_crds(CRD)
    apiserver.request("POST", WIDGETS, WIDGET)
    with_widgets = apiserver.snapshot()
    for _ in range(3):
        apiserver.reset(empty)
        with pytest.raises(RequestRefused, match="404"):
            apiserver.request("GET", WIDGETS)
        apiserver.reset(with_widgets)
        assert apiserver.request("GET", f"{WIDGETS}/w")["size"] == 1
        with pytest.raises(RequestRefused, match="422"):
            apiserver.request("PUT", f"{WIDGETS}/w", {**WIDGET, "size": "large"})


def test_rights_come_and_go_with_their_bindings(apiserver: ApiServer) -> None:
    alice = apiserver.user("alice")
    without = apiserver.snapshot()
    apiserver.user("alice", can={"configmaps": "list"})
    granted = apiserver.snapshot()
    core = client.CoreV1Api(alice.client())
    for _ in range(3):
        apiserver.reset(without)
        with pytest.raises(ApiException, match="Forbidden"):
            core.list_namespaced_config_map("default")
        apiserver.reset(granted)
        core.list_namespaced_config_map("default")


def test_what_was_allocated_is_free_again(apiserver: ApiServer) -> None:
    def create(name: str) -> str:
        spec = {"ports": [{"port": 80}], "clusterIP": "10.0.0.7"}
        document = {"metadata": {"name": name}, "spec": spec}
        path = "/api/v1/namespaces/default/services"
        return str(apiserver.request("POST", path, document)["spec"]["clusterIP"])

    snapshot = apiserver.snapshot()
    create("one")
    with pytest.raises(RequestRefused, match="already allocated"):
        create("two")
    apiserver.reset(snapshot)
    assert create("two") == "10.0.0.7"


def test_quotas_count_what_is_there(apiserver: ApiServer, configmaps: ConfigMaps) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "3"}}}
    apiserver.request("POST", "/api/v1/namespaces/default/resourcequotas", quota)
    apiserver.settle()
    snapshot = apiserver.snapshot()
    for _ in range(3):
        configmaps.create("a")
        configmaps.create("b")
        with pytest.raises(ApiException, match="exceeded quota"):
            configmaps.create("c")
        apiserver.reset(snapshot)


def test_dependents_that_come_back_with_their_owner_remain(apiserver: ApiServer) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    owner = apiserver.request("POST", path, {"metadata": {"name": "owner"}})
    reference = {
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"],
    }  # fmt: skip
    for number in range(20):
        metadata = {"name": f"dependent-{number}", "ownerReferences": [reference]}
        apiserver.request("POST", path, {"metadata": metadata})
    snapshot = apiserver.snapshot()

    def names() -> set[str]:
        return {each["metadata"]["name"] for each in apiserver.request("GET", path)["items"]}

    whole = names()
    for _ in range(3):
        apiserver.request("DELETE", f"{path}/owner")
        apiserver.wait_for(lambda: len(names()) == 1)
        apiserver.reset(snapshot)
        apiserver.settle()
        assert names() == whole


def test_a_namespace_that_was_deleted_is_whole_again(apiserver: ApiServer) -> None:
    path = "/api/v1/namespaces/team"
    apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    apiserver.request("POST", f"{path}/secrets", {"metadata": {"name": "s"}})
    apiserver.settle()
    snapshot = apiserver.snapshot()
    apiserver.request("DELETE", path)
    apiserver.reset(snapshot)
    apiserver.settle()
    assert apiserver.request("GET", path)["status"]["phase"] == "Active"
    assert apiserver.request("GET", f"{path}/secrets/s")
    apiserver.request("POST", f"{path}/configmaps", {"metadata": {"name": "c"}})


@pytest.fixture
def opened(apiserver: ApiServer, configmaps: ConfigMaps) -> Iterator[Any]:
    """A watch that resumes, and what it yields."""
    pool = urllib3.PoolManager(ca_certs=str(apiserver.ca_file), timeout=PATIENCE, retries=False)
    version = configmaps.create("before").metadata.resource_version

    def resume() -> Any:
        return pool.request(
            "GET",
            f"{apiserver.url}/api/v1/namespaces/default/configmaps",
            fields={"watch": "1", "resourceVersion": version},
            headers=apiserver.admin.headers,
            preload_content=False,
        )

    yield resume
    pool.clear()


def test_open_watches_see_ordinary_events(
    apiserver: ApiServer, configmaps: ConfigMaps, opened: Any
) -> None:
    snapshot = apiserver.snapshot()
    events = map(json.loads, opened())
    configmaps.create("a")
    configmaps.patch("before", b="2")
    apiserver.reset(snapshot)
    seen = [next(events) for _ in range(4)]
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in seen] == [
        ("ADDED", "a"), ("MODIFIED", "before"), ("DELETED", "a"), ("MODIFIED", "before"),
    ]  # fmt: skip


def test_watches_expire_if_that_is_asked(
    apiserver: ApiServer, configmaps: ConfigMaps, opened: Any
) -> None:
    snapshot = apiserver.snapshot()
    watch = opened()
    configmaps.create("a")
    apiserver.reset(snapshot, watches="expire")
    *_, last = map(json.loads, watch)
    assert (last["type"], last["object"]["reason"]) == ("ERROR", "Expired")
    (first,) = map(json.loads, opened())
    assert (first["type"], first["object"]["code"]) == ("ERROR", 410), "nor can they resume"


def test_connections_of_watches_close_if_that_is_asked(apiserver: ApiServer, opened: Any) -> None:
    snapshot = apiserver.snapshot()
    watch = opened()
    apiserver.reset(snapshot, watches="close")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        watch.read()
    with pytest.raises(ControlFailed, match="watches can"):
        apiserver.reset(snapshot, watches="explode")


def test_a_snapshot_that_was_let_go_of_is_gone(apiserver: ApiServer) -> None:
    snapshot = apiserver.snapshot()
    apiserver.forget(snapshot)
    with pytest.raises(ControlFailed, match="no snapshot"):
        apiserver.reset(snapshot)


def test_a_thousand_objects_are_gone_in_no_time(apiserver: ApiServer) -> None:
    snapshot = apiserver.snapshot()
    path = "/api/v1/namespaces/default/configmaps"
    for number in range(1000):
        apiserver.request("POST", path, {"metadata": {"name": f"c{number}"}, "data": {"k": "v"}})
    before = apiserver.revision
    assert apiserver.reset(snapshot) == 1000
    # A few commits, of many objects each.
    assert apiserver.revision - before < 100
    assert len(apiserver.request("GET", path)["items"]) == 1


def everything(server: ApiServer) -> dict[str, Any]:
    """Return all objects that the server has, by path, but for their resourceVersions."""
    found = {}
    groups = [f"/apis/{group['preferredVersion']['groupVersion']}" for group in
              server.request("GET", "/apis")["groups"]]  # fmt: skip
    for api in ("/api/v1", *groups):
        for resource in server.request("GET", api)["resources"]:
            if "list" not in resource["verbs"]:
                continue
            for item in server.request("GET", f"{api}/{resource['name']}")["items"]:
                metadata = item["metadata"]
                metadata.pop("resourceVersion", None)
                key = f"{api}/{resource['name']}/{metadata.get('namespace')}/{metadata['name']}"
                found[key] = item
    return found


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_done_everything_is_as_it_was(apiserver: ApiServer, seed: int) -> None:
    dice = random.Random(seed)
    apiserver.install_crds(CRD)
    apiserver.request("POST", WIDGETS, WIDGET)
    for name in ("one", "two"):
        apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "10"}}}
        apiserver.request("POST", f"/api/v1/namespaces/{name}/resourcequotas", quota)
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}], "type": "NodePort"}}
        apiserver.request("POST", f"/api/v1/namespaces/{name}/services", service)
    apiserver.settle()
    before, snapshot = everything(apiserver), apiserver.snapshot()
    paths = [
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com",
        *(f"/api/v1/namespaces/{name}" for name in ("one", "two")),
        *(f"/api/v1/namespaces/{name}/services/s" for name in ("one", "two")),
        "/api/v1/namespaces/one/serviceaccounts/default",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/view",
        f"{WIDGETS}/w",
    ]
    for _ in range(5):
        for path in dice.sample(paths, 3):
            with suppress(RequestRefused):
                apiserver.request("DELETE", path)
            with suppress(RequestRefused):
                patch = {"metadata": {"labels": {"changed": "yes"}}}
                apiserver.request("PATCH", dice.choice(paths), patch)
            with suppress(RequestRefused):
                name = {"metadata": {"generateName": "c-"}}
                apiserver.request("POST", "/api/v1/namespaces/two/configmaps", name)
        if dice.random() < 0.5:
            apiserver.settle()
        apiserver.reset(snapshot)
        apiserver.settle()
        after = everything(apiserver)
        assert {key for key in before if before[key] != after.get(key)} == set()
        assert after.keys() - before.keys() == set()
