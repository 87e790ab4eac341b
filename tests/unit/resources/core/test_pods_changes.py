"""Pods as they change: by the main resource, by status, by ephemeralcontainers, by resize."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("v1", "Pod")
RESOURCES = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}}
POD: Object = {
    "metadata": {"name": "a"},
    "spec": {
        "containers": [{"name": "c", "image": "nginx:1", "resources": RESOURCES}],
        "tolerations": [
            {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}
        ],
        "activeDeadlineSeconds": 60,
    },
}
FEW = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)\n"
)


def existing(**spec: Any) -> Written:
    """Return a Pod that is there."""
    made = KIND.create(merged(POD, spec=spec))
    assert made.errors == []
    return made


def changed(old: Written, subresource: str = "", **spec: Any) -> Written:
    """Change members of the spec of a Pod."""
    return KIND.update(old, merged(old.object, spec=spec), subresource)


def with_container(old: Written, **members: Any) -> list[dict[str, Any]]:
    """Return the containers of a Pod with changes of the first."""
    return [merged(old.spec["containers"][0], **members)]


def test_an_update_that_changes_nothing_is_no_change() -> None:
    old = existing()
    made = KIND.update(old, old.object)
    assert made.errors == []
    assert made.generation == 1
    assert made.object["status"] == old.object["status"]


def test_images_deadlines_and_tolerations_may_change() -> None:
    old = existing()
    tolerations = [
        {"key": "new", "operator": "Exists"},
        {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9},
    ]
    made = changed(
        old,
        containers=with_container(old, image="nginx:2"),
        tolerations=tolerations,
        activeDeadlineSeconds=30,
    )
    assert made.errors == []
    assert made.warnings == []
    assert made.generation == 2


def test_a_negative_grace_period_is_the_shortest() -> None:
    assert existing(terminationGracePeriodSeconds=-5).spec["terminationGracePeriodSeconds"] == 1


CHANGES: list[tuple[dict[str, Any], str]] = [
    (
        {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]},
        "spec.containers: Forbidden: pod updates may not add or remove containers",
    ),
    (
        {"activeDeadlineSeconds": 90},
        "spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous "
        "value",
    ),
    (
        {"activeDeadlineSeconds": None},
        "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer "
        "to nil value",
    ),
    (
        {"tolerations": [{"key": "k", "operator": "Exists"}]},
        "spec.tolerations: Forbidden: existing toleration can not be modified except its "
        "tolerationSeconds",
    ),
    (
        {"schedulingGates": [{"name": "g"}]},
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new "
        "scheduling gate 'g'",
    ),
]


@pytest.mark.parametrize(("spec", "error"), CHANGES)
def test_a_change_that_goes_too_far_is_refused(spec: dict[str, Any], error: str) -> None:
    assert changed(existing(), **spec).errors == [error]


def test_the_refusal_of_any_other_change_shows_the_difference() -> None:
    (error,) = changed(existing(), nodeName="n").errors
    assert error == FEW + (
        '@@ -48,7 +48,7 @@\n  "NodeSelector": null,\n  "ServiceAccountName": "",\n'
        '  "AutomountServiceAccountToken": null,\n- "NodeName": "",\n+ "NodeName": "n",\n'
        '  "SecurityContext": {\n   "HostNetwork": false,\n   "HostPID": false,\n'
    )


def test_a_gated_pod_may_be_sent_to_fewer_nodes() -> None:
    old = existing(schedulingGates=[{"name": "g"}], nodeSelector={"a": "b"})
    narrower = changed(old, nodeSelector={"a": "b", "c": "d"})
    assert narrower.errors == []
    wider = changed(old, nodeSelector={"a": None})
    assert wider.errors == [
        "spec.nodeSelector: Invalid value: {}: only additions to spec.nodeSelector are allowed (no "
        "mutations or deletions)"
    ]
    term = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert changed(old, affinity={"nodeAffinity": required}).errors == []
    free = changed(old, schedulingGates=None)
    assert free.errors == []
    assert changed(free, nodeSelector={"a": "b", "c": "d"}).errors[0].startswith(FEW)


def test_annotations_that_say_what_a_pod_is_stay() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    old = KIND.create(merged(POD, metadata={"annotations": {key: "unconfined"}}))
    document = merged(old.object, metadata={"annotations": {key: "runtime/default"}})
    assert KIND.update(old, document).errors == [
        f"metadata.annotations[{key}]: Forbidden: may not remove or update AppArmor annotations"
    ]


def test_what_an_old_pod_breaks_it_may_go_on_breaking() -> None:
    old = existing()
    key = "controller.kubernetes.io/pod-deletion-cost"
    wrong = merged(old.object, metadata={"annotations": {key: "much"}})
    assert len(KIND.update(old, wrong).errors) == 2
    assert KIND.update(Written(wrong), wrong).errors == []


# status


def test_the_status_is_all_that_its_subresource_changes() -> None:
    old = existing()
    document = merged(
        old.object,
        metadata={"labels": {"a": "b"}, "ownerReferences": [{"uid": "x"}]},
        spec={"nodeName": "n"},
        status={"phase": "Running", "qosClass": None, "podIP": "192.0.2.7"},
    )
    made = KIND.update(old, document, "status")
    assert made.errors == []
    assert made.spec == old.spec
    assert made.generation == 1
    assert made.object["metadata"]["labels"] == {"a": "b"}
    assert "ownerReferences" not in made.object["metadata"]
    assert made.object["status"] == {
        "phase": "Running",
        "qosClass": "Burstable",
        "podIP": "192.0.2.7",
        "podIPs": [{"ip": "192.0.2.7"}],
    }


def test_a_generation_that_was_observed_is_not_unsaid() -> None:
    old = existing()
    condition = {"type": "Ready", "status": "True"}
    status = {"observedGeneration": 3, "conditions": [{**condition, "observedGeneration": 2}]}
    observed = KIND.update(old, merged(old.object, status=status), "status")
    status = {"observedGeneration": None, "conditions": [condition]}
    made = KIND.update(observed, merged(observed.object, status=status), "status")
    assert made.object["status"]["observedGeneration"] == 3
    assert made.object["status"]["conditions"][0]["observedGeneration"] == 2


def test_fields_of_disabled_features_are_dropped_from_a_status_that_had_none() -> None:
    old = existing()
    shown = {"name": "v", "mountPath": "/v", "volumeStatus": {"image": {"imageRef": "i@sha256:1"}}}
    container = {"name": "c", "state": {}, "volumeMounts": [shown]}
    claims = [{"resourceClaimName": "a", "containers": ["c"]}]
    status = {"containerStatuses": [container], "nodeAllocatableResourceClaimStatuses": claims}
    made = KIND.update(old, merged(old.object, status=status), "status")
    (kept,) = made.object["status"]["containerStatuses"]
    assert kept["volumeMounts"] == [{"name": "v", "mountPath": "/v"}]
    assert "nodeAllocatableResourceClaimStatuses" not in made.object["status"]

    used = Written({**old.object, "status": {**old.object["status"], **status}})
    made = KIND.update(used, merged(used.object, metadata={"labels": {"a": "b"}}), "status")
    (kept,) = made.object["status"]["containerStatuses"]
    assert kept["volumeMounts"] == [shown]
    assert made.object["status"]["nodeAllocatableResourceClaimStatuses"]


def _ended(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "state": {"terminated": {"exitCode": code}}}


RUNS_AGAIN = [
    # restartPolicy, exit code, members of the container, whether it may run again
    ("Always", 0, {}, True),
    ("OnFailure", 1, {}, True),
    ("OnFailure", 0, {}, False),
    ("Never", 1, {}, False),
    ("Always", 1, {"restartPolicy": "Never"}, False),
    ("Never", 1, {"restartPolicy": "OnFailure"}, True),
    ("Always", 0, {"name": "other"}, False),
    (
        "Never",
        3,
        {
            "restartPolicy": "Never",
            "restartPolicyRules": [
                {"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}
            ],
        },
        True,
    ),
]


@pytest.mark.parametrize(("policy", "code", "members", "allowed"), RUNS_AGAIN)
def test_a_container_that_ended_for_good_stays_ended(
    policy: str, code: int, members: dict[str, Any], allowed: bool
) -> None:
    containers = [{"name": "c", "image": "i", **members}]
    old = existing(restartPolicy=policy, containers=containers)
    ended = KIND.update(
        old, merged(old.object, status={"containerStatuses": [_ended("c", code)]}), "status"
    )
    running = [{"name": "c", "state": {"running": {}}}]
    document = merged(ended.object, status={"containerStatuses": running})
    refusal = (
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated "
        "state"
    )
    assert KIND.update(ended, document, "status").errors == ([] if allowed else [refusal])


STATUS_MISTAKES = [
    (
        {"podIPs": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]},
        [
            'status.podIPs: Invalid value: [{"IP":"192.0.2.1"},{"IP":"192.0.2.2"}]: may specify no '
            "more than one IP for each IP family"
        ],
    ),
    (
        {"hostIP": "192.0.2.1", "hostIPs": [{"ip": "192.0.2.2"}]},
        [
            'status.hostIPs[0].ip: Invalid value: "192.0.2.2": must be equal to `hostIP`',
        ],
    ),
    (
        {"resourceClaimStatuses": [{"name": "x"}]},
        [
            'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an '
            "entry in `spec.resourceClaims`"
        ],
    ),
]


@pytest.mark.parametrize(("status", "errors"), STATUS_MISTAKES)
def test_a_status_that_cannot_be_is_refused(status: dict[str, Any], errors: list[str]) -> None:
    old = existing()
    assert KIND.update(old, merged(old.object, status=status), "status").errors == errors


# ephemeralcontainers


def test_containers_may_be_put_into_a_pod_and_stay_as_they_are() -> None:
    old = existing()
    first = {"name": "debug", "image": "busybox", "targetContainerName": "c"}
    made = changed(old, "ephemeralcontainers", ephemeralContainers=[first], nodeName="n")
    assert made.errors == []
    assert "nodeName" not in made.spec
    assert made.generation == 2
    assert changed(made, "ephemeralcontainers", ephemeralContainers=None).errors == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be '
        "removed\n"
    ]
    other = [{**made.spec["ephemeralContainers"][0], "tty": True}]
    (error,) = changed(made, "ephemeralcontainers", ephemeralContainers=other).errors
    start, _, difference = error.partition("\n")
    assert start.endswith('existing ephemeral containers "debug" may not be changed')
    assert '- "TTY": false,\n+ "TTY": true,\n' in difference


def test_containers_that_look_into_a_pod_serve_nothing() -> None:
    debug = {"name": "debug", "image": "i", "ports": [{"containerPort": 1}]}
    assert changed(existing(), "ephemeralcontainers", ephemeralContainers=[debug]).errors == [
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"
    ]


def test_pods_of_a_node_itself_are_not_looked_into_nor_resized() -> None:
    document = merged(
        POD,
        metadata={"annotations": {"kubernetes.io/config.mirror": "x"}},
        spec={"nodeName": "n"},
    )
    old = KIND.create(document)
    assert changed(old, "ephemeralcontainers").errors == [
        "[]: Forbidden: static pods do not support ephemeral containers"
    ]
    assert changed(old, "resize").errors == ["[]: Forbidden: static pods cannot be resized"]


# resize


def test_processors_and_memory_may_be_resized() -> None:
    old = existing()
    resources = {"limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"cpu": "1", "memory": "2Gi"}}
    containers = with_container(old, resources=resources, image="other")
    made = changed(old, "resize", containers=containers)
    assert made.errors == []
    assert made.generation == 2
    assert made.spec["containers"][0]["resources"] == resources
    assert made.spec["containers"][0]["image"] == "nginx:1"


RESIZES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
        ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'],
    ),
    (
        {"limits": {"cpu": "1"}, "requests": {"cpu": "100m", "memory": "1Gi"}},
        [
            "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
        ],
    ),
]


@pytest.mark.parametrize(("resources", "errors"), RESIZES)
def test_a_resize_that_does_more_is_refused(resources: dict[str, Any], errors: list[str]) -> None:
    old = existing()
    containers = [{**old.spec["containers"][0], "resources": resources}]
    assert changed(old, "resize", containers=containers).errors == errors


def test_only_processors_and_memory_may_be_resized() -> None:
    old = existing()
    limits = {**RESOURCES["limits"], "ephemeral-storage": "1Gi"}
    containers = with_container(old, resources={**RESOURCES, "limits": limits})
    (error,) = changed(old, "resize", containers=containers).errors
    assert error.startswith("spec: Forbidden: only cpu and memory resources are mutable\n@@")


def test_a_node_that_cannot_resize_is_not_asked_to() -> None:
    old = existing()
    status = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    running = KIND.update(old, merged(old.object, status=status), "status")
    assert changed(running, "resize").errors == [
        "spec: Forbidden: Pod running on node without support for resize"
    ]
