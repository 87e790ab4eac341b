"""Quotas, as clients see them: refusals, usage, and release."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.waiting import PATIENCE
from tests.wire.conftest import Answer, Api


def pod(name: str, **resources: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": resources}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    }


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


class Quota:
    """A quota ``q`` in a namespace, and the namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = f"/api/v1/namespaces/{namespace}"
        self.path = f"{self.namespace}/resourcequotas/q"

    async def make(self, **hard: str) -> None:
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q"},
            "spec": {"hard": {name.replace("_", "."): value for name, value in hard.items()}},
        }
        answer = await self.api.post(f"{self.namespace}/resourcequotas", quota)
        assert answer.status == 201, answer.text
        assert answer.json["status"] == {}
        await self.until(lambda status: status.get("hard") == quota["spec"]["hard"])

    async def until(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the status as soon as it is as wanted, by watching."""
        field = "?watch=true&fieldSelector=metadata.name%3Dq"
        async with (
            asyncio.timeout(PATIENCE),
            self.api.session.get(
                f"{self.api.url}{self.namespace}/resourcequotas{field}", headers=self.api.headers
            ) as response,
        ):
            async for line in response.content:
                status: dict[str, Any] = json.loads(line)["object"].get("status") or {}
                if reached(status):
                    if response.connection is not None and response.connection.transport:
                        response.connection.transport.abort()
                    return status
        raise AssertionError("the watch ended")

    async def used(self) -> dict[str, str]:
        used: dict[str, str] = (await self.api.get(self.path)).json["status"]["used"]
        return used

    async def post(self, plural: str, document: dict[str, Any], query: str = "") -> Answer:
        return await self.api.post(f"{self.namespace}/{plural}{query}", document)


async def test_a_quota_refuses_what_is_too_much_until_something_goes(
    api: Api, namespace: str
) -> None:
    quota = Quota(api, namespace)
    await quota.make(pods="2", requests_cpu="1", memory="3Gi")
    assert await quota.used() == {"pods": "0", "requests.cpu": "0", "memory": "0"}
    answer = await quota.post("pods", pod("a", requests={"cpu": "600m", "memory": "1Gi"}))
    assert answer.status == 201, answer.text
    assert await quota.used() == {"pods": "1", "requests.cpu": "600m", "memory": "1Gi"}

    answer = await quota.post("pods", pod("b", requests={"cpu": "500m", "memory": "4Gi"}))
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    assert answer.json["message"] == (
        'pods "b" is forbidden: exceeded quota: q, requested: memory=4Gi,requests.cpu=500m, '
        "used: memory=1Gi,requests.cpu=600m, limited: memory=3Gi,requests.cpu=1"
    )
    assert answer.json["details"] == {"name": "b", "kind": "pods"}

    await api.send("DELETE", f"{quota.namespace}/pods/a?gracePeriodSeconds=0")
    freed = {"pods": "0", "requests.cpu": "0", "memory": "0"}
    await quota.until(lambda status: status["used"] == freed)
    answer = await quota.post("pods", pod("b", requests={"cpu": "500m", "memory": "3Gi"}))
    assert answer.status == 201, answer.text


async def test_pods_say_what_a_quota_limits(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(limits_cpu="1", requests_memory="1Gi")
    answer = await quota.post("pods", pod("a", requests={"cpu": "1"}))
    assert (answer.status, answer.json["message"]) == (
        403,
        'pods "a" is forbidden: failed quota: q: must specify limits.cpu for: c; '
        "requests.memory for: c",
    )


async def test_pods_that_end_are_not_counted(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(pods="1", **{"count/pods": "5"})
    assert (await quota.post("pods", pod("a"))).status == 201
    assert (await quota.post("pods", pod("b"))).status == 403
    ended = await api.send(
        "PATCH",
        f"{quota.namespace}/pods/a/status",
        {"status": {"phase": "Succeeded"}},
        {"Content-Type": "application/merge-patch+json"},
    )
    assert ended.status == 200, ended.text
    await quota.until(lambda status: status["used"] == {"pods": "0", "count/pods": "1"})
    assert (await quota.post("pods", pod("b"))).status == 201


async def test_a_dry_run_is_checked_and_not_charged(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(configmaps="1")
    await quota.until(lambda status: "configmaps" in status.get("used", {}))
    before = int((await quota.used())["configmaps"])
    limit = {"spec": {"hard": {"configmaps": str(before + 1)}}}
    merge: dict[str, str | None] = {"Content-Type": "application/merge-patch+json"}
    await api.send("PATCH", quota.path, limit, merge)
    await quota.until(lambda status: status["hard"] == limit["spec"]["hard"])
    for _ in range(2):
        answer = await quota.post("configmaps", config_map("a"), "?dryRun=All")
        assert answer.status == 201, answer.text
    assert await quota.used() == {"configmaps": str(before)}
    assert (await quota.post("configmaps", config_map("a"))).status == 201
    answer = await quota.post("configmaps", config_map("b"), "?dryRun=All")
    assert answer.status == 403
    # What is there already is no new charge.
    assert await quota.used() == {"configmaps": str(before + 1)}


async def test_many_at_once_get_what_there_is_and_no_more(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(**{"count/leases.coordination.k8s.io": "10"})
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    def lease(number: int) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": f"l{number}"},
        }

    answers = await asyncio.gather(*(api.post(path, lease(number)) for number in range(50)))
    assert Counter(answer.status for answer in answers) == {201: 10, 403: 40}
    assert {
        answer.json["message"].partition(": ")[2] for answer in answers if answer.status == 403
    } == {
        "exceeded quota: q, requested: count/leases.coordination.k8s.io=1, "
        "used: count/leases.coordination.k8s.io=10, limited: count/leases.coordination.k8s.io=10"
    }
    assert len((await api.get(path)).json["items"]) == 10
    assert await quota.used() == {"count/leases.coordination.k8s.io": "10"}


async def test_a_creation_that_fails_is_not_charged(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(secrets="5")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    assert (await quota.post("secrets", secret)).status == 201
    assert (await quota.post("secrets", secret)).status == 409
    assert await quota.used() == {"secrets": "1"}


async def test_services_are_charged_for_what_they_grow_by(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(**{"services": "3", "services.nodeports": "2"})
    ports = [{"name": f"p{number}", "port": 80 + number} for number in range(3)]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"type": "NodePort", "ports": ports[:1]},
    }
    made = await quota.post("services", service)
    assert made.status == 201, made.text
    merge: dict[str, str | None] = {"Content-Type": "application/merge-patch+json"}
    path = f"{quota.namespace}/services/s"
    assert (await api.send("PATCH", path, {"spec": {"ports": ports[:2]}}, merge)).status == 200
    assert await quota.used() == {"services": "1", "services.nodeports": "2"}
    answer = await api.send("PATCH", path, {"spec": {"ports": ports}}, merge)
    assert (answer.status, answer.json["message"]) == (
        403,
        'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=1, '
        "used: services.nodeports=2, limited: services.nodeports=2",
    )
    shrunk = {
        "spec": {
            "type": "ClusterIP",
            "externalTrafficPolicy": None,
            "ports": [{**ports[0], "nodePort": None}],
        }
    }
    answer = await api.send("PATCH", path, shrunk, merge)
    assert answer.status == 200, answer.text
    await quota.until(lambda status: status["used"]["services.nodeports"] == "0")


async def test_a_resize_is_charged_for_what_it_adds(api: Api, namespace: str) -> None:
    quota = Quota(api, namespace)
    await quota.make(requests_cpu="2")
    resources = {"requests": {"cpu": "500m"}, "limits": {"cpu": "4"}}
    assert (await quota.post("pods", pod("a", **resources))).status == 201
    merge = {"Content-Type": "application/strategic-merge-patch+json"}

    async def resized(cpu: str) -> Answer:
        container = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
        patch = {"spec": {"containers": [container]}}
        return await api.send("PATCH", f"{quota.namespace}/pods/a/resize", patch, merge)

    answer = await resized("1500m")
    assert answer.status == 200, answer.text
    assert await quota.used() == {"requests.cpu": "1500m"}
    answer = await resized("3")
    assert (answer.status, answer.json["message"]) == (
        403,
        'pods "a" is forbidden: exceeded quota: q, requested: requests.cpu=1500m, '
        "used: requests.cpu=1500m, limited: requests.cpu=2",
    )
