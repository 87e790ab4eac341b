"""Injected faults, as ordinary clients see them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException, ConflictException

from apiserver.testing import ApiServer, ControlFailed, FaultSwitches
from tests.harness.conftest import ConfigMaps
from tests.waiting import PATIENCE

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def ask(apiserver: ApiServer) -> Iterator[Callable[..., urllib3.BaseHTTPResponse]]:
    """Send a request by a client that tries nothing twice."""
    pool = urllib3.PoolManager(ca_certs=str(apiserver.ca_file), timeout=PATIENCE, retries=False)

    def send(method: str, path: str, body: Any = None, **options: Any) -> Any:
        headers = {**apiserver.admin.headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        return pool.request(method, apiserver.url + path, body=data, headers=headers, **options)

    yield send
    pool.clear()


def configmap(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"k": "v" * 100}}


def test_requests_are_refused_with_any_status(
    apiserver: ApiServer, ask: Any, faults: FaultSwitches
) -> None:
    with faults.refuse(418, "Teapot", "short and stout", path=f"{CONFIGMAPS}*") as fault:
        answer = ask("GET", CONFIGMAPS)
        assert (answer.status, answer.json()["reason"]) == (418, "Teapot")
        assert answer.json()["message"] == "short and stout"
        assert ask("GET", "/api/v1/nodes").status == 200
    assert ask("GET", CONFIGMAPS).status == 200
    (hit,) = fault.hits
    assert (hit.verb, hit.status, hit.faults) == ("list", 418, ("refuse",))
    assert f"(refuse) hits request {hit.number}: list {CONFIGMAPS}" in apiserver.log()


@pytest.mark.parametrize(
    ("code", "reason"),
    [(403, "Forbidden"), (409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"),
     (503, "ServiceUnavailable"), (504, "Timeout")],
)  # fmt: skip
def test_refusals_have_the_usual_reasons(
    ask: Any, faults: FaultSwitches, code: int, reason: str
) -> None:
    faults.refuse(code, verb="list", resource="configmaps")
    assert ask("GET", CONFIGMAPS).json()["reason"] == reason


def test_clients_are_told_when_to_come_back(ask: Any, faults: FaultSwitches) -> None:
    faults.too_many_requests(7, count=1)
    answer = ask("GET", CONFIGMAPS)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["details"]["retryAfterSeconds"] == 7
    faults.unavailable(count=1)
    assert ask("GET", CONFIGMAPS).status == 503
    assert ask("GET", CONFIGMAPS).status == 200


def test_faults_are_for_one_user(
    apiserver: ApiServer, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    alice = apiserver.user("alice", ["team"], can={"configmaps": "list"})
    fault = faults.refuse(503, user="alice")
    faults.refuse(500, group="others")
    with pytest.raises(ApiException, match="503"):
        client.CoreV1Api(alice.client()).list_namespaced_config_map("default")
    configmaps.names()
    assert [each.user for each in fault.hits] == ["alice"]


def test_creations_are_known_by_the_name_in_their_body(
    faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    fault = faults.refuse(500, verb="create", resource="configmaps", name="bad-*")
    configmaps.create("good")
    with pytest.raises(ApiException, match="500"):
        configmaps.create("bad-one")
    assert [(each.name, each.object["metadata"]["name"]) for each in fault.hits] == [
        ("bad-one", "bad-one")
    ]


def test_requests_are_delayed(ask: Any, faults: FaultSwitches) -> None:
    faults.delay("150ms", resource="configmaps", count=1)
    begun = time.monotonic()
    assert ask("GET", CONFIGMAPS).status == 200
    assert time.monotonic() - begun >= 0.15


def test_conflicts_come_in_storms(faults: FaultSwitches, configmaps: ConfigMaps) -> None:
    configmaps.create("a", n="0")
    fault = faults.conflict(count=3, resource="configmaps")
    for _ in range(3):
        with pytest.raises(ConflictException, match="the object has been modified"):
            configmaps.patch("a", n="1")
    configmaps.create("b")
    assert configmaps.patch("a", n="2").data == {"n": "2"}
    assert len(fault.hits) == 3


def test_a_connection_drops_before_anything_has_happened(ask: Any, faults: FaultSwitches) -> None:
    fault = faults.drop(verb="create", count=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask("POST", CONFIGMAPS, configmap("a"))
    assert ask("GET", f"{CONFIGMAPS}/a").status == 404
    assert [each.status for each in fault.hits] == [0]


def test_a_connection_drops_when_all_has_happened(ask: Any, faults: FaultSwitches) -> None:
    faults.drop_answer(verb="create", count=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask("POST", CONFIGMAPS, configmap("a"))
    assert ask("GET", f"{CONFIGMAPS}/a").status == 200
    assert ask("POST", CONFIGMAPS, configmap("a")).status == 409


@pytest.mark.parametrize("size", [None, 10, 0])
def test_bodies_are_cut(ask: Any, faults: FaultSwitches, size: int | None) -> None:
    whole = len(ask("GET", CONFIGMAPS).data)
    faults.truncate(size, verb="list", count=1)
    sent = whole // 2 if size is None else size
    with pytest.raises(urllib3.exceptions.ProtocolError, match=f"{sent} bytes read"):
        ask("GET", CONFIGMAPS)
    assert len(ask("GET", CONFIGMAPS).data) == whole


def test_long_lists_are_cut_and_slow_as_well(
    apiserver: ApiServer, ask: Any, faults: FaultSwitches
) -> None:
    for number in range(10):
        document = {"metadata": {"name": f"large-{number}"}, "data": {"k": "v" * 50_000}}
        apiserver.request("POST", CONFIGMAPS, document)
    whole = ask("GET", CONFIGMAPS).data
    faults.slow(0.2, verb="list", count=1)
    begun = time.monotonic()
    assert ask("GET", CONFIGMAPS).data == whole
    assert time.monotonic() - begun >= 0.2
    faults.truncate(300_000, verb="list", count=1)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="300000 bytes read"):
        ask("GET", CONFIGMAPS)


def test_cached_reads_come_from_the_past(
    apiserver: ApiServer, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    configmaps.create("a", n="1")
    before = apiserver.revision
    configmaps.patch("a", n="2")
    configmaps.create("b")
    faults.stale_reads(2)
    assert configmaps.read("a").data == {"n": "2"}, "quorum reads are never stale"
    assert configmaps.names() == ["a", "b"]
    listed = configmaps._core.list_namespaced_config_map("default", resource_version="0")
    assert listed.metadata.resource_version == str(before)
    assert [each.data for each in listed.items if each.metadata.name == "a"] == [{"n": "1"}]
    assert configmaps.names(resource_version="0") == ["a"]


def test_single_objects_come_from_the_past(
    ask: Any, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    configmaps.create("a", n="1")
    configmaps.patch("a", n="2")
    faults.stale_reads(1)
    path = f"{CONFIGMAPS}/a?resourceVersion=0"
    assert ask("GET", path).json()["data"] == {"n": "1"}
    faults.stale_reads(2)
    assert ask("GET", path).status == 404


def test_the_rest_of_a_list_expires(ask: Any, faults: FaultSwitches) -> None:
    for name in ("a", "b", "c"):
        ask("POST", CONFIGMAPS, configmap(name))
    first = ask("GET", f"{CONFIGMAPS}?limit=1").json()
    following = f"{CONFIGMAPS}?limit=1&continue={first['metadata']['continue']}"
    faults.expire_continue(count=1)
    assert ask("GET", f"{CONFIGMAPS}?limit=1").status == 200
    expired = ask("GET", following).json()
    assert (expired["code"], expired["reason"]) == (410, "Expired")
    again = ask("GET", f"{CONFIGMAPS}?continue={expired['metadata']['continue']}").json()
    assert [each["metadata"]["name"] for each in again["items"]] == ["b", "c", "kube-root-ca.crt"]
    assert ask("GET", following).status == 200


def test_tokens_expire(ask: Any, faults: FaultSwitches) -> None:
    with faults.expire_token(user="kubernetes-admin"):
        assert (ask("GET", CONFIGMAPS).status, ask("GET", "/version").status) == (401, 401)
    assert ask("GET", CONFIGMAPS).status == 200


def test_webhooks_do_not_answer(ask: Any, faults: FaultSwitches) -> None:
    faults.webhook_timeout("policy.example.com", resource="configmaps")
    answer = ask("POST", CONFIGMAPS, configmap("a"))
    assert answer.status == 500
    assert 'failed calling webhook "policy.example.com"' in answer.json()["message"]
    assert ask("GET", f"{CONFIGMAPS}/a").status == 404


def test_faults_have_no_effect_on_the_harness(apiserver: ApiServer, faults: FaultSwitches) -> None:
    faults.refuse(500)
    apiserver.request("GET", CONFIGMAPS)
    with apiserver.namespace() as name:
        assert apiserver.request("GET", f"/api/v1/namespaces/{name}")


def test_unknown_faults_are_refused(apiserver: ApiServer, faults: FaultSwitches) -> None:
    with pytest.raises(TypeError, match="colour"):
        faults.drop(colour="red")  # type: ignore[call-arg]
    with pytest.raises(ControlFailed, match="no fault explode"):
        apiserver.control.call("add_fault", action="explode", conditions={}, options={})


def watched(ask: Any, query: str = "") -> Iterator[dict[str, Any]]:
    return map(json.loads, ask("GET", f"{CONFIGMAPS}?watch=1{query}", preload_content=False))


def test_a_watch_is_cut_after_some_events(
    ask: Any, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    version = configmaps.create("start").metadata.resource_version
    fault = faults.cut_watch(after=2, count=1)
    events = watched(ask, f"&resourceVersion={version}")
    for name in ("a", "b", "c"):
        configmaps.create(name)
    assert [next(events)["object"]["metadata"]["name"] for _ in range(2)] == ["a", "b"]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(events)
    again = watched(ask, f"&resourceVersion={version}")
    names = [next(again)["object"]["metadata"]["name"] for _ in range(3)]
    assert names == ["a", "b", "c"], "the next one is whole"
    assert [each.faults for each in fault.hits] == [("cut_watch",)]


def test_events_that_come_at_once_are_cut_between_two_of_them(
    ask: Any, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    version = configmaps.create("start").metadata.resource_version
    for name in ("a", "b", "c"):
        configmaps.create(name)
    faults.cut_watch(after=2, count=1)
    events = watched(ask, f"&resourceVersion={version}")
    assert [next(events)["object"]["metadata"]["name"] for _ in range(2)] == ["a", "b"]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(events)


def test_a_fault_hits_watches_that_are_open(
    ask: Any, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    version = configmaps.create("start").metadata.resource_version
    events = watched(ask, f"&resourceVersion={version}")
    configmaps.create("a")
    assert next(events)["type"] == "ADDED"
    faults.cut_watch(after=1)
    configmaps.create("b")
    configmaps.create("c")
    assert next(events)["object"]["metadata"]["name"] == "b"
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(events)


def test_watches_expire_now_and_when_they_resume(
    ask: Any, faults: FaultSwitches, configmaps: ConfigMaps
) -> None:
    version = configmaps.create("start").metadata.resource_version
    events = watched(ask, f"&resourceVersion={version}")
    fault = faults.expire_watch(resource="configmaps", count=2)
    assert [each["object"]["reason"] for each in events] == ["Expired"]
    assert [each["object"]["code"] for each in watched(ask, f"&resourceVersion={version}")] == [410]
    assert len(fault.hits) == 2
    fresh = watched(ask, "&resourceVersion=0")
    assert next(fresh)["type"] == "ADDED"


@pytest.mark.parametrize("action", ["drop_answer", "truncate", "slow", "stale_reads"])
def test_faults_of_answers_leave_watches_alone(
    ask: Any, faults: FaultSwitches, action: str
) -> None:
    fault = getattr(faults, action)(*([0.01] if action == "slow" else []))
    assert next(watched(ask))["type"] == "ADDED"
    assert fault.hits == []


def test_watches_are_refused_as_well(ask: Any, faults: FaultSwitches) -> None:
    faults.too_many_requests(verb="watch", count=1)
    assert next(watched(ask))["code"] == 429
    faults.drop(verb="watch", count=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        watched(ask)
    assert next(watched(ask))["type"] == "ADDED"


def test_a_watch_that_begins_anew_does_not_expire(ask: Any, faults: FaultSwitches) -> None:
    faults.expire_watch()
    assert next(watched(ask))["type"] == "ADDED"


def test_bookmarks_are_left_out(ask: Any, faults: FaultSwitches, configmaps: ConfigMaps) -> None:
    query = (
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        "&resourceVersion=1"
    )
    first = watched(ask, query)
    assert [next(first)["type"] for _ in range(2)] == ["ADDED", "BOOKMARK"]
    fault = faults.skip_bookmarks()
    second = watched(ask, query)
    assert next(second)["type"] == "ADDED"
    configmaps.create("a")
    assert next(second)["object"]["metadata"]["name"] == "a"
    assert len(fault.hits) == 1


def test_the_same_seed_hits_the_same_requests(ask: Any, faults: FaultSwitches) -> None:
    def statuses() -> list[int]:
        with faults.refuse(503, resource="configmaps", probability=0.5, seed=7):
            return [ask("GET", CONFIGMAPS).status for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 503}
    assert statuses() == first
