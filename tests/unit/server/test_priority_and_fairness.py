"""Requests of a real server wait for a seat of their level, or are sent away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from apiserver.access.flowcontrol.flow_control import FlowControl
from tests.unit.server.in_process import InProcess, server_in_process
from tests.waiting import eventually

FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"
SCHEMA_UID = "X-Kubernetes-PF-FlowSchema-UID"
LEVEL_UID = "X-Kubernetes-PF-PriorityLevel-UID"
JANE = {"Impersonate-User": "jane"}
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def level_of(response: dict[str, Any]) -> dict[str, Any]:
    limited = {"nominalConcurrencyShares": 1, "limitResponse": response}
    spec = {"type": "Limited", "limited": limited}
    return {"metadata": {"name": "mine"}, "spec": spec}


def schema() -> dict[str, Any]:
    rule = {
        "verbs": ["*"],
        "apiGroups": [""],
        "resources": ["configmaps"],
        "namespaces": ["*"],
    }
    subjects = [{"kind": "User", "user": {"name": "jane"}}]
    spec = {
        "priorityLevelConfiguration": {"name": "mine"},
        "matchingPrecedence": 2,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [{"subjects": subjects, "resourceRules": [rule]}],
    }
    return {"metadata": {"name": "a"}, "spec": spec}


def control(api: InProcess) -> FlowControl:
    return next(part for part in api.server.metrics.parts if isinstance(part, FlowControl))


async def ask(api: InProcess, path: str) -> tuple[int, Any, bytes]:
    """Return the status, headers and body that a user other than the administrator gets."""
    async with api.session.get(api.url + path, headers=JANE) as response:
        return response.status, response.headers, await response.read()


async def create(api: InProcess, response: dict[str, Any]) -> tuple[str, str]:
    """Create a level and a schema of ConfigMaps, and return their uids when they are in force."""
    level = await api.ask("POST", f"{FLOW_CONTROL}/prioritylevelconfigurations", level_of(response))
    created = await api.ask("POST", f"{FLOW_CONTROL}/flowschemas", schema())
    assert (level.status, created.status) == (201, 201), created.body
    uids = created.body["metadata"]["uid"], level.body["metadata"]["uid"]

    async def in_force() -> bool:
        _, found, _ = await ask(api, CONFIG_MAPS)
        return (found[SCHEMA_UID], found[LEVEL_UID]) == uids

    await eventually(in_force)
    return uids


async def test_requests_wait_for_a_seat_and_name_their_schema(tmp_path: Path) -> None:
    queuing = {"queues": 1, "handSize": 1, "queueLengthLimit": 1}
    async with server_in_process(tmp_path) as api:
        uids = await create(api, {"type": "Queue", "queuing": queuing})
        level = control(api)._levels["mine"]
        for _ in range(level.limit):
            await level.enter(("test", ""), 1)
        waiting = asyncio.create_task(ask(api, CONFIG_MAPS))
        await eventually(lambda: level.waiting)
        status, headers, body = await ask(api, f"{CONFIG_MAPS}?watch=1")
        assert (status, headers["Retry-After"]) == (429, "1")
        assert body == b"Too many requests, please try again later.\n"
        assert (headers[SCHEMA_UID], headers[LEVEL_UID]) == uids
        # Others are of other levels.
        status, headers, _ = await ask(api, "/api/v1/namespaces/default/secrets")
        assert status == 200
        assert headers[SCHEMA_UID] != uids[0]
        level.leave()
        assert (await waiting)[0] == 200
        status, headers, _ = await ask(api, f"{CONFIG_MAPS}/missing")
        assert (status, headers[LEVEL_UID]) == (404, uids[1])
        metrics = (await api.ask("GET", "/metrics")).body.decode()
        assert (
            'apiserver_flowcontrol_rejected_requests_total{flow_schema="a",'
            'priority_level="mine",reason="queue-full"} 1.0'
        ) in metrics


async def test_what_waits_and_what_is_executed_is_shown(tmp_path: Path) -> None:
    folder = "/debug/api_priority_and_fairness"
    async with server_in_process(tmp_path) as api:
        levels = (await api.ask("GET", f"{folder}/dump_priority_levels")).body.decode()
        assert levels.startswith("PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing,")
        assert len(levels.splitlines()) == 9
        queues = (await api.ask("GET", f"{folder}/dump_queues")).body.decode()
        assert "\nglobal-default,    127,    0," in queues
        path = f"{folder}/dump_requests?includeRequestDetails=1"
        requests = (await api.ask("GET", path)).body.decode()
        assert requests.splitlines()[1].split()[:2] == ["exempt,", "exempt,"]
        assert f"{folder}/dump_requests," in requests
        assert (await api.ask("GET", f"{folder}/dump_nothing")).status == 404
        metrics = (await api.ask("GET", "/metrics")).body.decode()
        assert (
            'apiserver_flowcontrol_request_wait_duration_seconds_count{execute="true",'
            'flow_schema="exempt",priority_level="exempt"}'
        ) in metrics


async def test_a_watch_has_a_seat_until_its_initial_events_are_sent(tmp_path: Path) -> None:
    async with server_in_process(tmp_path) as api:
        uids = await create(api, {"type": "Reject"})
        level = control(api)._levels["mine"]
        url = f"{api.url}{CONFIG_MAPS}?watch=1"
        async with api.session.get(url, headers=JANE) as first:
            assert first.status == 200
            assert first.headers[LEVEL_UID] == uids[1]
            await eventually(lambda: not level.executing)
            assert level.counts["a"].dispatched >= 1
        assert (level.queue.seats_in_use, level.demand.seats) == (0, 0)
        refused = await api.session.get(f"{url}&labelSelector=a%3D%3D%3D", headers=JANE)
        assert refused.status == 400
        assert level.executing == 0


async def test_it_may_be_turned_off(tmp_path: Path) -> None:
    async with server_in_process(tmp_path, "--enable-priority-and-fairness=false") as api:
        assert SCHEMA_UID not in (await api.ask("GET", CONFIG_MAPS)).headers
        assert not [part for part in api.server.metrics.parts if isinstance(part, FlowControl)]
