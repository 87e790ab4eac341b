"""A test controls the server's clock and its source of randomness."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from apiserver.testing import ApiServer, ControlFailed, KubeUser, RequestRefused
from apiserver.testing.server_clock import ServerClock
from tests.harness.conftest import ConfigMaps

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def test_timestamps_stand_still(kube_clock: ServerClock, configmaps: ConfigMaps) -> None:
    kube_clock.freeze("2030-01-01T00:00:00Z")
    first, second = configmaps.create("a", k="v"), configmaps.create("b")
    assert first.metadata.creation_timestamp == datetime(2030, 1, 1, tzinfo=UTC)
    assert second.metadata.creation_timestamp == first.metadata.creation_timestamp
    assert first.metadata.managed_fields[0].time == first.metadata.creation_timestamp
    assert kube_clock.advance("1h30m") == datetime(2030, 1, 1, 1, 30, tzinfo=UTC)
    assert configmaps.create("c").metadata.creation_timestamp == kube_clock.now()


def test_time_goes_on_from_where_it_was_set(kube_clock: ServerClock) -> None:
    assert kube_clock.set("2040-05-06T07:08:09Z").year == 2040
    before = kube_clock.now()
    assert kube_clock.now() > before
    kube_clock.freeze()
    assert kube_clock.now() == kube_clock.now()
    kube_clock.resume()
    assert kube_clock.now().year == 2040
    assert abs((kube_clock.reset() - datetime.now(UTC)).total_seconds()) < 60
    with pytest.raises(ControlFailed, match="turned back"):
        kube_clock.advance(-1)


def test_events_expire_when_their_time_has_come(
    apiserver: ApiServer, kube_clock: ServerClock
) -> None:
    path = "/api/v1/namespaces/default/events"
    document = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
    }
    apiserver.request("POST", path, document)
    kube_clock.advance("59m")
    assert apiserver.request("GET", f"{path}/e")
    snapshot = apiserver.snapshot()
    kube_clock.advance("2m")
    with pytest.raises(RequestRefused, match="not found"):
        apiserver.request("GET", f"{path}/e")
    apiserver.reset(snapshot)
    assert apiserver.request("GET", f"{path}/e")
    kube_clock.advance("61m")
    with pytest.raises(RequestRefused, match="not found"):
        apiserver.request("GET", f"{path}/e")


def test_tokens_of_service_accounts_expire(apiserver: ApiServer, kube_clock: ServerClock) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    spec = {"expirationSeconds": 3600}
    issued = apiserver.request("POST", path, {"spec": spec})["status"]["token"]
    user = KubeUser("", (), apiserver.url, issued, apiserver.ca_file, apiserver.kubeconfig)
    core = client.CoreV1Api(user.client())

    def status() -> int:
        with pytest.raises(ApiException) as refused:
            core.list_namespaced_secret("default")
        return int(refused.value.status)

    assert status() == 403, "it is valid, and allows nothing"
    kube_clock.advance("50m")
    assert status() == 403
    kube_clock.advance("11m")
    assert status() == 401


def test_history_is_compacted_in_time(apiserver: ApiServer, kube_clock: ServerClock) -> None:
    version = apiserver.request("POST", CONFIGMAPS, {"metadata": {"name": "a"}})["metadata"][
        "resourceVersion"
    ]
    apiserver.request("POST", CONFIGMAPS, {"metadata": {"name": "b"}})
    exact = f"{CONFIGMAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
    assert len(apiserver.request("GET", exact)["items"]) == 2
    kube_clock.freeze()
    kube_clock.advance("30m")
    with pytest.raises(RequestRefused, match="410"):
        apiserver.request("GET", exact)


def test_lifetimes_of_deletions_follow(apiserver: ApiServer, kube_clock: ServerClock) -> None:
    kube_clock.freeze("2030-01-01T00:00:00Z")
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"},
    }
    apiserver.request("POST", "/api/v1/namespaces/default/pods", pod)
    deleted = apiserver.request("DELETE", "/api/v1/namespaces/default/pods/p")
    assert deleted["metadata"]["deletionTimestamp"] == "2030-01-01T00:00:30Z"


def test_controllers_do_in_time_what_they_wait_for(
    apiserver: ApiServer, kube_clock: ServerClock
) -> None:
    path = "/api/v1/namespaces/default/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    apiserver.request("POST", path, pod)
    since = f"{kube_clock.now():%Y-%m-%dT%H:%M:%SZ}"
    condition = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": since}
    apiserver.request("PATCH", f"{path}/p/status", {"status": {"conditions": [condition]}})
    apiserver.settle()

    def is_marked() -> bool:
        conditions = apiserver.request("GET", f"{path}/p")["status"].get("conditions", [])
        return any(
            each["type"] == "DisruptionTarget" and each["status"] == "True" for each in conditions
        )

    kube_clock.advance("1m")
    apiserver.settle()
    assert is_marked()
    kube_clock.advance("2m")
    apiserver.wait_for(lambda: not is_marked())


@pytest.fixture
def made(other_server: ApiServer) -> Callable[[], list[Any]]:
    """What a server with a seed makes of the same requests, in another order each time."""
    snapshot, order = other_server.snapshot(), [1, -1]

    def make() -> list[Any]:
        other_server.reset(snapshot)
        core = client.CoreV1Api(other_server.admin.client())
        found = []
        with other_server.clock.frozen("2030-01-01T00:00:00Z"):
            for kind in ("config_map", "secret")[:: order[0]]:
                create = getattr(core, f"create_namespaced_{kind}")
                for name in ("a-", "b-"):
                    made = create("default", {"metadata": {"generateName": name}})
                    shown = made.to_dict()["metadata"]
                    shown.pop("resourceVersion", None)
                    shown.pop("resource_version", None)
                    found.append((kind, shown))
        order.reverse()
        return sorted(found, key=str)

    return make


def test_answers_can_be_foretold(made: Callable[[], list[Any]], other_server: ApiServer) -> None:
    first = made()
    assert made() == first
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-.*", first[0][1]["uid"])
    other_server.seed(2)
    second = made()
    assert second != first
    assert made() == second
    other_server.seed(None)
    assert made() != made()
    other_server.seed(1)
    assert made() == first
