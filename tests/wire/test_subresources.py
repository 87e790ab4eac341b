"""Subresources that are neither stored nor read as they are stored."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.wire.conftest import Answer, Api

CREATED = {
    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
}  # fmt: skip
SPEC = {"containers": [{"name": "c", "image": "i"}]}
LABELS = {"app": "a"}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {**SPEC, **spec},
    }


def binding(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, **metadata},
        "target": {"kind": "Node", "name": "n1"},
    }


def eviction(name: str, **options: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name},
        "deleteOptions": {"gracePeriodSeconds": 0, **options},
    }


async def patch(api: Api, path: str, body: Any, media_type: str = "merge-patch+json") -> Answer:
    return await api.send("PATCH", path, body, {"Content-Type": f"application/{media_type}"})


async def running(api: Api, pods: str, name: str, *, ready: bool = True) -> None:
    """Make a Pod that runs, as a kubelet would say."""
    assert (await api.post(pods, pod(name, nodeName="n1"))).status == 201
    condition = {"type": "Ready", "status": str(ready)}
    status = {"status": {"phase": "Running", "conditions": [condition]}}
    assert (await patch(api, f"{pods}/{name}/status", status)).status == 200


@pytest.fixture
def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.fixture
def budgets(namespace: str) -> str:
    return f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"


async def budget(api: Api, budgets: str, **status: Any) -> None:
    """Make a budget for all Pods, as its controller counts it."""
    document = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}},
    }
    assert (await api.post(budgets, document)).status == 201
    counted = {"observedGeneration": 1, "expectedPods": 1, "desiredHealthy": 1, **status}
    answer = await patch(api, f"{budgets}/b/status", {"status": counted})
    assert answer.status == 200, answer.text


# binding


async def test_a_pod_is_bound_once(api: Api, namespace: str, pods: str) -> None:
    await api.post(pods, pod("p"))
    answer = await api.post(f"{pods}/p/binding", binding("p", annotations={"by": "me"}))
    assert (answer.status, answer.json) == (201, CREATED)
    bound = (await api.get(f"{pods}/p")).json
    assert bound["spec"]["nodeName"] == "n1"
    assert bound["metadata"]["annotations"] == {"by": "me"}
    assert bound["metadata"]["generation"] == 1
    assert [each["type"] for each in bound["status"]["conditions"]] == ["PodScheduled"]
    again = await api.post(f"/api/v1/namespaces/{namespace}/bindings", binding("p"))
    assert again.status == 409
    assert again.json["message"] == (
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
    )


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        (binding("q"), 400, "name in URL does not match name in Binding object"),
        (
            {**binding("p"), "target": {"kind": "Pod"}},
            500,
            '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", '
            "target.name: Required value]",
        ),
        (
            binding("p", namespace="elsewhere"),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
async def test_a_binding_that_makes_no_sense_is_refused(
    api: Api, pods: str, document: dict[str, Any], status: int, message: str
) -> None:
    await api.post(pods, pod("p"))
    answer = await api.post(f"{pods}/p/binding", document)
    assert (answer.status, answer.json["message"]) == (status, message)


async def test_a_binding_may_insist_on_the_pod_that_it_means(api: Api, pods: str) -> None:
    await api.post(pods, pod("p"))
    answer = await api.post(f"{pods}/p/binding", binding("p", uid="another"))
    assert answer.status == 409
    assert "Precondition failed: UID in precondition: another" in answer.json["message"]
    missing = await api.post(f"{pods}/missing/binding", binding("missing"))
    assert (missing.status, missing.json["details"]) == (404, {"name": "missing", "kind": "pods"})


async def test_a_dry_run_binds_nothing(api: Api, pods: str) -> None:
    await api.post(pods, pod("p"))
    answer = await api.post(f"{pods}/p/binding?dryRun=All", binding("p"))
    assert (answer.status, answer.json) == (201, CREATED)
    assert "nodeName" not in (await api.get(f"{pods}/p")).json["spec"]


# eviction


async def test_a_pod_without_a_budget_is_evicted(api: Api, pods: str) -> None:
    await running(api, pods, "p")
    answer = await api.post(f"{pods}/p/eviction", eviction("p"))
    assert (answer.status, answer.json) == (201, CREATED)
    assert (await api.get(f"{pods}/p")).status == 404


async def test_an_eviction_that_takes_time_says_why_the_pod_goes(api: Api, pods: str) -> None:
    await running(api, pods, "p")
    answer = await api.post(f"{pods}/p/eviction", eviction("p", gracePeriodSeconds=30))
    assert answer.status == 201
    left = (await api.get(f"{pods}/p")).json
    assert left["metadata"]["deletionGracePeriodSeconds"] == 30
    target = left["status"]["conditions"][-1]
    assert (target["type"], target["reason"]) == ("DisruptionTarget", "EvictionByEvictionAPI")


async def test_a_budget_is_counted_down(api: Api, pods: str, budgets: str) -> None:
    await running(api, pods, "p")
    await budget(api, budgets, currentHealthy=2, disruptionsAllowed=1)
    answer = await api.post(f"{pods}/p/eviction", eviction("p"))
    assert answer.status == 201, answer.text
    status = (await api.get(f"{budgets}/b")).json["status"]
    assert status["disruptionsAllowed"] == 0
    assert list(status["disruptedPods"]) == ["p"]
    assert status["conditions"][0]["reason"] == "InsufficientPods"


async def test_a_spent_budget_refuses(api: Api, pods: str, budgets: str) -> None:
    await running(api, pods, "p")
    await budget(api, budgets, currentHealthy=1, disruptionsAllowed=0)
    answer = await api.post(f"{pods}/p/eviction", eviction("p"))
    assert (answer.status, answer.json["reason"]) == (429, "TooManyRequests")
    assert answer.json["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
        }
    ]
    assert "Retry-After" not in answer.headers
    assert "deletionTimestamp" not in (await api.get(f"{pods}/p")).json["metadata"]


async def test_a_budget_that_has_not_been_counted_refuses_for_a_while(
    api: Api, pods: str, budgets: str
) -> None:
    await running(api, pods, "p")
    await budget(api, budgets, observedGeneration=0, currentHealthy=2, disruptionsAllowed=1)
    answer = await api.post(f"{pods}/p/eviction", eviction("p"))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")


async def test_a_pod_that_is_not_ready_costs_nothing(api: Api, pods: str, budgets: str) -> None:
    await running(api, pods, "p", ready=False)
    await budget(api, budgets, currentHealthy=1, disruptionsAllowed=0)
    assert (await api.post(f"{pods}/p/eviction", eviction("p"))).status == 201
    assert "disruptedPods" not in (await api.get(f"{budgets}/b")).json["status"]


async def test_two_budgets_are_one_too_many(api: Api, pods: str, budgets: str) -> None:
    await running(api, pods, "p")
    await budget(api, budgets, currentHealthy=2, disruptionsAllowed=1)
    first = (await api.get(f"{budgets}/b")).json
    second = {**first, "metadata": {"name": "c"}}
    assert (await api.post(budgets, second)).status == 201
    answer = await api.post(f"{pods}/p/eviction", eviction("p"))
    assert (answer.status, answer.json["status"]) == (500, "Failure")
    assert answer.json["message"].startswith("This pod has more than one PodDisruptionBudget")
    assert (await api.get(f"{pods}/p")).status == 200


async def test_a_dry_run_evicts_and_counts_nothing(api: Api, pods: str, budgets: str) -> None:
    await running(api, pods, "p")
    await budget(api, budgets, currentHealthy=2, disruptionsAllowed=1)
    for document in (eviction("p"), eviction("p", dryRun=["All"])):
        answer = await api.post(f"{pods}/p/eviction?dryRun=All", document)
        assert (answer.status, answer.json) == (201, CREATED)
    assert (await api.get(f"{pods}/p")).status == 200
    assert (await api.get(f"{budgets}/b")).json["status"]["disruptionsAllowed"] == 1


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        (eviction("q"), 400, "name in URL does not match name in Eviction object"),
        (
            eviction("p", preconditions={"uid": "another"}),
            409,
            "the UID in the precondition (another) does not match the UID in record",
        ),
        (
            eviction("p", preconditions={"resourceVersion": "1"}),
            409,
            "the ResourceVersion in the precondition (1) does not match the ResourceVersion",
        ),
    ],
)
async def test_an_eviction_of_something_else_is_refused(
    api: Api, pods: str, document: dict[str, Any], status: int, message: str
) -> None:
    await running(api, pods, "p")
    answer = await api.post(f"{pods}/p/eviction", document)
    assert answer.status == status
    assert message in answer.json["message"]


async def test_many_evictions_at_once_take_what_the_budget_has(
    api: Api, pods: str, budgets: str
) -> None:
    names = [f"p{number}" for number in range(6)]
    for name in names:
        await running(api, pods, name)
    await budget(api, budgets, currentHealthy=6, disruptionsAllowed=3)
    answers = await asyncio.gather(
        *(api.post(f"{pods}/{name}/eviction", eviction(name)) for name in names)
    )
    assert sorted(answer.status for answer in answers) == [201] * 3 + [429] * 3
    status = (await api.get(f"{budgets}/b")).json["status"]
    assert (status["disruptionsAllowed"], len(status["disruptedPods"])) == (0, 3)


# scale


def deployment(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": SPEC},
        },
    }


def scale(name: str, replicas: int, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name, **metadata},
        "spec": {"replicas": replicas},
    }


async def test_whoever_scales_owns_the_replicas(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    await api.post(f"{path}?fieldManager=creator", deployment("d"))
    answer = await api.send("PUT", f"{path}/d/scale?fieldManager=hpa", scale("d", 4))
    assert (answer.status, answer.json["spec"]) == (200, {"replicas": 4})
    stored = (await api.get(f"{path}/d")).json
    assert (stored["spec"]["replicas"], stored["metadata"]["generation"]) == (4, 2)
    owners = {entry["manager"]: entry for entry in stored["metadata"]["managedFields"]}
    assert owners["hpa"]["subresource"] == "scale"
    assert owners["hpa"]["apiVersion"] == "apps/v1"
    assert owners["hpa"]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners["creator"]["fieldsV1"]["f:spec"]
    again = await api.send("PUT", f"{path}/d/scale?fieldManager=hpa", scale("d", 4))
    assert again.json["metadata"]["resourceVersion"] == answer.json["metadata"]["resourceVersion"]


async def test_replicas_that_others_own_are_applied_by_force(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    await api.post(f"{path}?fieldManager=creator", deployment("d"))
    apply = "apply-patch+yaml"
    answer = await patch(api, f"{path}/d/scale?fieldManager=me", scale("d", 4), apply)
    assert answer.status == 409
    assert answer.json["message"] == (
        'Apply failed with 1 conflict: conflict with "creator" using autoscaling/v1: .spec.replicas'
    )
    forced = await patch(api, f"{path}/d/scale?fieldManager=me&force=true", scale("d", 4), apply)
    assert (forced.status, forced.json["spec"]) == (200, {"replicas": 4})
    missing = await patch(api, f"{path}/x/scale?fieldManager=me", scale("x", 4), apply)
    assert (missing.status, missing.json["message"]) == (404, 'deployments.apps "x" not found')


@pytest.mark.parametrize(
    "named",
    ["deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"],
)
async def test_a_scale_that_is_not_there_is_not_found(api: Api, namespace: str, named: str) -> None:
    plural, _, group = named.partition(".")
    root = "/apis/apps/v1" if group else "/api/v1"
    answer = await api.get(f"{root}/namespaces/{namespace}/{plural}/x/scale")
    assert (answer.status, answer.json["message"]) == (404, f'{named} "x" not found')


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        (
            scale("d", 2, uid="another"),
            409,
            'Operation cannot be fulfilled on deployments/scale.apps "d": Precondition failed: '
            "UID in precondition: another, UID in object meta: ",
        ),
        (
            scale("d", -1),
            422,
            'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: '
            "must be greater than or equal to 0",
        ),
        (
            scale("d", 2, resourceVersion="1"),
            409,
            'Operation cannot be fulfilled on deployments.apps "d": the object has been modified',
        ),
        (scale("e", 2), 400, "the name of the object (e) does not match the name on the URL (d)"),
    ],
)
async def test_a_scale_that_does_not_fit_is_refused(
    api: Api, namespace: str, document: dict[str, Any], status: int, message: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    await api.post(path, deployment("d"))
    answer = await api.send("PUT", f"{path}/d/scale", document)
    assert answer.status == status
    assert answer.json["message"].startswith(message)
