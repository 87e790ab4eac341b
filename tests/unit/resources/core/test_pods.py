"""Creation of Pods: defaults and warnings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.resources.core.podspecs import KIND, POD, container, pod
from tests.unit.resources.writing import merged


def test_a_pod_gets_its_defaults() -> None:
    made = KIND.create(POD)
    assert made.errors == []
    assert made.spec == {
        "containers": [
            {
                "name": "c",
                "image": "nginx:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    assert made.object["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert made.generation == 1


def test_a_status_that_a_client_sends_is_not_taken() -> None:
    made = KIND.create({**POD, "status": {"phase": "Running", "podIP": "192.0.2.1"}})
    assert made.object["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


CONTAINER_DEFAULTS = [
    ({"image": "nginx"}, {"imagePullPolicy": "Always"}),
    ({"image": "r.io:5000/x:latest"}, {"imagePullPolicy": "Always"}),
    ({"image": "x@sha256:" + "a" * 64}, {"imagePullPolicy": "IfNotPresent"}),
    ({"ports": [{"containerPort": 1}]}, {"ports": [{"containerPort": 1, "protocol": "TCP"}]}),
    (
        {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {
            "env": [
                {
                    "name": "A",
                    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                }
            ]
        },
    ),
    (
        {"livenessProbe": {"grpc": {"port": 1}}},
        {
            "livenessProbe": {
                "grpc": {"port": 1, "service": ""},
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            }
        },
    ),
    (
        {"lifecycle": {"preStop": {"httpGet": {"port": 80}}}},
        {"lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}}}},
    ),
    (
        {"resources": {"limits": {"cpu": "1", "memory": "1u"}, "requests": {"cpu": "100m"}}},
        {
            "resources": {
                "limits": {"cpu": "1", "memory": "1m"},
                "requests": {"cpu": "100m", "memory": "1m"},
            }
        },
    ),
]


@pytest.mark.parametrize(("members", "expected"), CONTAINER_DEFAULTS)
def test_a_container_gets_its_defaults(members: dict[str, Any], expected: dict[str, Any]) -> None:
    (made,) = KIND.create(container(**members)).spec["containers"]
    assert {name: made[name] for name in expected} == expected


VOLUME_DEFAULTS = [
    ({}, {"emptyDir": {}}),
    ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
    ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
    (
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {
            "projected": {
                "defaultMode": 420,
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
            }
        },
    ),
    (
        {"rbd": {"monitors": ["m"], "image": "i"}},
        {
            "rbd": {
                "monitors": ["m"],
                "image": "i",
                "pool": "rbd",
                "user": "admin",
                "keyring": "/etc/ceph/keyring",
            }
        },
    ),
    (
        {"azureDisk": {"diskName": "d", "diskURI": "https://d"}},
        {
            "azureDisk": {
                "diskName": "d",
                "diskURI": "https://d",
                "cachingMode": "ReadWrite",
                "fsType": "ext4",
                "kind": "Shared",
                "readOnly": False,
            }
        },
    ),
    ({"image": {"reference": "i"}}, {"image": {"reference": "i", "pullPolicy": "Always"}}),
]


@pytest.mark.parametrize(("source", "expected"), VOLUME_DEFAULTS)
def test_a_volume_gets_its_defaults(source: dict[str, Any], expected: dict[str, Any]) -> None:
    (made,) = KIND.create(pod(volumes=[{"name": "v", **source}])).spec["volumes"]
    assert made == {"name": "v", **expected}


def test_ports_in_the_network_of_the_host_are_ports_of_the_host() -> None:
    made = KIND.create(
        pod(
            hostNetwork=True,
            containers=[{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}],
        )
    )
    assert made.errors == []
    port = {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}
    assert made.spec["containers"][0]["ports"] == [port]


def test_both_names_of_the_service_account_are_shown() -> None:
    for name in ("serviceAccount", "serviceAccountName"):
        spec = KIND.create(pod(**{name: "s"})).spec
        assert (spec["serviceAccount"], spec["serviceAccountName"]) == ("s", "s")


def test_a_pod_with_scheduling_gates_waits() -> None:
    made = KIND.create(pod(schedulingGates=[{"name": "example.com/g"}]))
    (condition,) = made.object["status"]["conditions"]
    assert condition["type"] == "PodScheduled"
    assert condition["status"] == "False"
    assert condition["reason"] == "SchedulingGated"
    assert condition["message"] == "Scheduling is blocked due to non-empty scheduling gates"


def test_labels_named_by_key_become_conditions_of_their_values() -> None:
    term = {
        "topologyKey": "zone",
        "labelSelector": {"matchLabels": {"x": "y"}},
        "matchLabelKeys": ["app", "none"],
        "mismatchLabelKeys": ["tier"],
    }
    document = pod(
        affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    )
    made = KIND.create(merged(document, metadata={"labels": {"app": "a", "tier": "t"}}))
    assert made.errors == []
    affinity = made.spec["affinity"]["podAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchExpressions"] == [
        {"key": "app", "operator": "In", "values": ["a"]},
        {"key": "tier", "operator": "NotIn", "values": ["t"]},
    ]


def test_members_of_features_that_are_off_are_dropped() -> None:
    document = pod(
        schedulingGroup={"podGroupName": "g"},
        containers=[
            {"name": "c", "image": "i", "lifecycle": {"stopSignal": "SIGTERM"}},
        ],
    )
    spec = KIND.create(document).spec
    assert "schedulingGroup" not in spec
    assert spec["containers"][0]["lifecycle"] == {}


def test_apparmor_fields_are_made_of_deprecated_annotations() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    owned: dict[str, Any] = {
        "operation": "Update",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{key}": {}}}},
    }
    metadata = {"annotations": {key: "localhost/p"}, "managedFields": [owned]}
    annotated = KIND.create(merged(POD, metadata=metadata))
    profile = {"type": "Localhost", "localhostProfile": "p"}
    assert annotated.spec["containers"][0]["securityContext"] == {"appArmorProfile": profile}
    assert annotated.warnings == [
        f'metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field '
        "instead"
    ]
    with_field = KIND.create(container(securityContext={"appArmorProfile": profile}))
    assert "annotations" not in with_field.object["metadata"]
    assert with_field.warnings == []


WARNINGS: list[tuple[dict[str, Any], list[str]]] = [
    (
        container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        [
            'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped '
            "when using apply"
        ],
    ),
    (container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}]), []),
    (
        pod(nodeSelector={"beta.kubernetes.io/os": "linux"}),
        [
            "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "
            '"kubernetes.io/os" instead'
        ],
    ),
    (
        pod(
            nodeSelector={"node-role.kubernetes.io/master": ""},
            topologySpreadConstraints=[
                {
                    "maxSkew": 1,
                    "topologyKey": "app.kubernetes.io/created-by",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {},
                }
            ],
        ),
        [
            "spec.nodeSelector[node-role.kubernetes.io/master]: use "
            '"node-role.kubernetes.io/control-plane" instead',
            "spec.topologySpreadConstraints[0].topologyKey: app.kubernetes.io/created-by is "
            "deprecated since v1.9",
        ],
    ),
    (
        container(
            ports=[{"containerPort": 80, "name": "a"}, {"containerPort": 80, "hostPort": 81}]
        ),
        [
            "spec.containers[0].ports[1]: overlapping port definition with "
            "spec.containers[0].ports[0]"
        ],
    ),
    (
        container(resources={"requests": {"memory": "1500m"}}),
        [
            'spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is '
            "invalid, must be an integer"
        ],
    ),
    (
        pod(volumes=[{"name": "v", "gitRepo": {"repository": "r"}}]),
        ["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"],
    ),
    (
        pod(
            serviceAccountName="s",
            volumes=[
                {
                    "name": "v",
                    "projected": {
                        "sources": [
                            {"secret": {"name": "x", "items": [{"key": "k", "path": "a"}]}},
                            {"serviceAccountToken": {"path": "a/b"}},
                        ]
                    },
                }
            ],
        ),
        [
            'volume "v" (Projected): overlapping paths: "a/b" (ServiceAccountToken) with "a" '
            '(Secret "x")'
        ],
    ),
    (
        pod(imagePullSecrets=[{"name": "a"}, {"name": "a"}, {}]),
        [
            'spec.imagePullSecrets[1].name: duplicate name "a"',
            'spec.imagePullSecrets[2].name: invalid empty name ""',
        ],
    ),
    (
        pod(hostAliases=[{"ip": "2001:DB8::1"}]),
        [
            'spec.hostAliases[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical '
            'format ("2001:db8::1")'
        ],
    ),
    (
        merged(POD, metadata={"name": "a.b"}),
        [
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            "behavior; a DNS label is recommended: [must not contain dots]"
        ],
    ),
]


@pytest.mark.parametrize(("document", "warnings"), WARNINGS)
def test_what_is_likely_a_mistake_is_warned_of(
    document: dict[str, Any], warnings: list[str]
) -> None:
    made = KIND.create(document)
    assert made.errors == []
    assert made.warnings == warnings


GRACE = [
    # nodeName, phase, spec's period, asked, period
    ("n", "Running", 30, None, 30),
    ("n", "Running", 30, 5, 5),
    ("n", "Running", -3, None, 1),
    ("", "Pending", 30, 5, 0),
    ("n", "Succeeded", 30, 5, 0),
    ("n", "Failed", 30, None, 0),
]


@pytest.mark.parametrize(("node", "phase", "own", "asked", "period"), GRACE)
def test_only_a_pod_that_runs_somewhere_has_a_grace_period(
    node: str, phase: str, own: int, asked: int | None, period: int
) -> None:
    document = {
        "metadata": {"name": "a"},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": own},
        "status": {"phase": phase},
    }
    assert KIND.strategy.graceful_period(document, asked) == period
