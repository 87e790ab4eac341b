"""Inspection of the server: requests, revisions, differences; and waiting for them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from apiserver.testing import ApiServer, ConditionNotMet, ControlFailed
from apiserver.testing.control_client import ControlClient
from tests.harness.conftest import ConfigMaps
from tests.waiting import PATIENCE

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def test_requests_are_told_with_what_became_of_them(
    apiserver: ApiServer, configmaps: ConfigMaps
) -> None:
    apiserver.requests.clear()
    configmaps.create("a", k="v")
    with pytest.raises(ApiException):
        configmaps.read("b")
    configmaps.names(limit=1)
    created, read, listed = apiserver.requests
    assert (created.verb, created.user, created.status) == ("create", "kubernetes-admin", 201)
    assert created.object["data"] == {"k": "v"}
    assert (created.resource, created.namespace, created.name) == ("configmaps", "default", "a")
    assert (read.verb, read.path, read.status) == ("get", f"{CONFIGMAPS}/b", 404)
    assert (listed.verb, listed.query, listed.method) == ("list", "limit=1", "GET")
    assert listed.number > read.number > created.number
    assert 0 < created.seconds < 60
    assert "system:masters" in created.groups
    apiserver.requests.assert_any(verb="create", resource="configmaps", name="a")
    apiserver.requests.assert_none(verb="delete")


def test_requests_without_a_user_are_told_too(apiserver: ApiServer) -> None:
    apiserver.requests.clear()
    stranger = apiserver.user("stranger").client()
    stranger.configuration.api_key = {"authorization": "wrong"}
    with pytest.raises(ApiException, match="401"):
        client.CoreV1Api(stranger).list_node()
    assert [(each.status, each.user) for each in apiserver.requests] == [(401, "")]


def test_the_harness_is_not_among_the_requests(apiserver: ApiServer) -> None:
    apiserver.requests.clear()
    apiserver.request("GET", CONFIGMAPS)
    assert len(apiserver.requests) == 0


def test_the_states_of_an_object_are_told(apiserver: ApiServer, configmaps: ConfigMaps) -> None:
    configmaps.create("told", n="1")
    configmaps.patch("told", n="2")
    configmaps.create("told-too", n="1")
    configmaps.delete("told")
    states = apiserver.history("v1", "configmaps", "default", "told")
    assert [obj and obj["data"] for _, obj in states] == [{"n": "1"}, {"n": "2"}, None]
    assert [revision for revision, _ in states] == sorted({revision for revision, _ in states})
    assert states[1][1]["metadata"]["resourceVersion"] == str(states[1][0])
    assert apiserver.history("v1", "configmaps", "default", "never") == []
    with pytest.raises(ControlFailed, match="not served"):
        apiserver.history("v9", "configmaps", "default", "a")


def test_history_begins_with_what_was_there_when_it_was_compacted(
    apiserver: ApiServer, configmaps: ConfigMaps
) -> None:
    configmaps.create("a", n="1")
    configmaps.patch("a", n="2")
    apiserver.compact()
    configmaps.patch("a", n="3")
    states = apiserver.history("v1", "configmaps", "default", "a")
    assert [obj["data"] for _, obj in states] == [{"n": "2"}, {"n": "3"}]


def test_differences_between_revisions_are_told(
    apiserver: ApiServer, configmaps: ConfigMaps
) -> None:
    configmaps.create("changed", n="1")
    configmaps.create("gone")
    before = apiserver.revision
    configmaps.patch("changed", n="2")
    configmaps.create("new")
    configmaps.delete("gone")
    found = {each["key"]: (each["before"], each["after"]) for each in apiserver.diff(before)}
    assert sorted(found) == [f"configmaps/default/{name}" for name in ("changed", "gone", "new")]
    changed = found["configmaps/default/changed"]
    assert [each["data"]["n"] for each in changed] == ["1", "2"]
    assert found["configmaps/default/new"][0] is None
    assert found["configmaps/default/gone"][1] is None
    assert apiserver.diff(before, before) == []
    with pytest.raises(ControlFailed, match="FutureRevision"):
        apiserver.diff(before, before + 1000)


def test_conditions_are_waited_for(apiserver: ApiServer, configmaps: ConfigMaps) -> None:
    created = threading.Timer(0.05, lambda: configmaps.create("late", k="v"))
    created.start()
    found = apiserver.wait_for(lambda: apiserver.request("GET", f"{CONFIGMAPS}/late"))
    assert found["data"] == {"k": "v"}
    created.join()
    begun = time.monotonic()
    with pytest.raises(ConditionNotMet, match=r"0\.1 seconds: .*404"):
        apiserver.wait_for(lambda: apiserver.request("GET", f"{CONFIGMAPS}/never"), timeout=0.1)
    assert time.monotonic() - begun < PATIENCE


async def test_asynchronous_tests_wait_as_well(apiserver: ApiServer) -> None:
    assert await apiserver.until(lambda: apiserver.requests is not None)


def test_only_who_has_the_token_controls_the_server(apiserver: ApiServer) -> None:
    stranger = ControlClient(apiserver.control.path, "guess")
    with pytest.raises(ControlFailed, match="token is wrong"):
        stranger.call("revision")
    stranger.close()
    with pytest.raises(ControlFailed, match="no operation explode"):
        apiserver.control.call("explode")
    with pytest.raises(ControlFailed, match="does not answer"):
        ControlClient("/nowhere", "x").call("revision")


def test_users_may_do_what_they_are_given(apiserver: ApiServer, kube_user: Any) -> None:
    with apiserver.namespace("team") as namespace:
        bob = kube_user("bob", can={"configmaps": "get,list,create"}, namespace=namespace)
        core = client.CoreV1Api(bob.client())
        core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}})
        assert len(core.list_namespaced_config_map(namespace).items) >= 1
        for refused in (
            lambda: core.list_namespaced_config_map("default"),
            lambda: core.delete_namespaced_config_map("a", namespace),
            lambda: core.list_namespaced_secret(namespace),
        ):
            with pytest.raises(ApiException, match="Forbidden"):
                refused()
        assert f"namespace: {namespace}" in bob.kubeconfig.read_text()
