"""Pods as they are created: what is filled in, what is refused, what is warned of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "Pod")
POD: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def pod(**spec: Any) -> dict[str, Any]:
    """Return a Pod with changes of its spec."""
    return merged(POD, spec=spec)


def container(**members: Any) -> dict[str, Any]:
    """Return a Pod with changes of its container."""
    return pod(containers=[{"name": "c", "image": "nginx:1", **members}])


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


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (pod(containers=None), ["spec.containers: Required value"]),
    (
        pod(containers=[{"name": "A"}]),
        [
            f'spec.containers[0].name: Invalid value: "A": {LABEL}',
            "spec.containers[0].image: Required value",
        ],
    ),
    (
        pod(containers=[{"name": "c", "image": "i"}, {"name": "c", "image": "i "}]),
        [
            'spec.containers[1].name: Duplicate value: "c"',
            'spec.containers[1].image: Invalid value: "i ": must not have leading or trailing '
            "whitespace",
        ],
    ),
    (
        container(ports=[{"containerPort": 0}, {"containerPort": 1, "hostPort": 70000}]),
        [
            "spec.containers[0].ports[0].containerPort: Required value",
            "spec.containers[0].ports[1].hostPort: Invalid value: 70000: must be between 1 and "
            "65535, inclusive",
        ],
    ),
    (
        container(ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
        ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9"'],
    ),
    (
        container(env=[{"name": "a=b"}, {"name": "c", "valueFrom": {}}]),
        [
            'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable '
            "name must consist only of printable ASCII characters other than '='",
            'spec.containers[0].env[1].valueFrom: Invalid value: "": must specify one of: '
            "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ],
    ),
    (
        container(envFrom=[{"secretRef": {}}, {}]),
        [
            "spec.containers[0].envFrom[0].secretRef.name: Required value",
            'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or '
            "`secretRef`",
        ],
    ),
    (
        container(volumeMounts=[{"name": "v", "mountPath": "/x"}, {"name": "", "mountPath": "/x"}]),
        [
            'spec.containers[0].volumeMounts[0].name: Not found: "v"',
            "spec.containers[0].volumeMounts[1].name: Required value",
            'spec.containers[0].volumeMounts[1].name: Not found: ""',
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
        ],
    ),
    (
        container(livenessProbe={"successThreshold": 2}),
        [
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ],
    ),
    (
        container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
        [
            "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative "
            "and less than terminationGracePeriodSeconds (30)"
        ],
    ),
    (
        container(resources={"limits": {"cpu": "1", "gpu": "1"}, "requests": {"cpu": "2"}}),
        [
            'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard '
            "resource type or fully qualified",
            'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard '
            "resource for containers",
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal '
            "to cpu limit of 1",
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard '
            "resource type or fully qualified",
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard '
            "resource for containers",
        ],
    ),
    (
        container(resources={"requests": {"hugepages-2Mi": "3Mi"}}),
        [
            "spec.containers[0].resources.limits: Required value: Limit must be set for non "
            "overcommitable resources",
            'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is '
            "not positive integer multiple of hugepages-2Mi",
            "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
        ],
    ),
    (
        container(resources={"claims": [{"name": "x"}]}),
        [
            'spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in '
            "pod.spec.resourceClaims which is empty"
        ],
    ),
    (
        container(restartPolicyRules=[{"action": "Stop", "exitCodes": {"operator": "Is"}}]),
        [
            "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when "
            "restart rules are used",
            'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported '
            'values: "Restart", "RestartAllContainers"',
            "spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "
            '"Is": supported values: "In", "NotIn"',
        ],
    ),
    (
        container(securityContext={"procMount": "Unmasked", "seccompProfile": {"type": "x"}}),
        [
            'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` '
            "must be false to use `Unmasked`",
            'spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "x": '
            'supported values: "Localhost", "RuntimeDefault", "Unconfined"',
        ],
    ),
    (
        pod(initContainers=[{"name": "i", "image": "i", "startupProbe": {"exec": {}}}]),
        [
            "spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers "
            "without restartPolicy=Always"
        ],
    ),
    (
        pod(ephemeralContainers=[{"name": "e", "image": "i", "targetContainerName": "x"}]),
        [
            'spec.ephemeralContainers[0].targetContainerName: Not found: "x"',
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ],
    ),
    (
        pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]),
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    (
        pod(volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "nfs": {"path": "x"}}]),
        [
            "spec.volumes[1].nfs.server: Required value",
            'spec.volumes[1].nfs.path: Invalid value: "x": must be an absolute path',
            'spec.volumes[1].name: Duplicate value: "v"',
        ],
    ),
    (
        pod(volumes=[{"name": "v", "configMap": {"items": [{"key": "", "path": "../x"}]}}]),
        [
            "spec.volumes[0].configMap.name: Required value",
            "spec.volumes[0].configMap.items[0].key: Required value",
            'spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain '
            "'..'",
        ],
    ),
    (
        pod(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {}}]}}]),
        [
            "spec.volumes[0].projected.path: Required value",
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be "
            "specified when serviceAccountName is not set",
        ],
    ),
    (
        pod(dnsPolicy="None"),
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    (
        pod(hostAliases=[{"ip": "010.0.0.1"}], dnsConfig={"nameservers": ["x"]}),
        [
            'spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. '
            "10.9.8.7 or 2001:db8::ffff)",
            'spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s',
        ],
    ),
    (
        pod(tolerations=[{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}, {}]),
        [
            "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' "
            "when `tolerationSeconds` is set",
            'spec.tolerations[1].operator: Invalid value: "": operator must be Exists when `key` '
            'is empty, which means "match all values and all keys"',
        ],
    ),
    (
        pod(topologySpreadConstraints=[{"maxSkew": 0, "whenUnsatisfiable": "No"}]),
        [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than "
            "zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "No": '
            'supported values: "DoNotSchedule", "ScheduleAnyway"',
        ],
    ),
    (
        pod(nodeName="n", schedulingGates=[{"name": "g"}, {"name": "g"}]),
        [
            'spec.schedulingGates[1]: Duplicate value: "g"',
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ],
    ),
    (
        pod(os={"name": "windows"}, hostPID=True, securityContext={"runAsUser": 1}),
        [
            "spec.hostPID: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
        ],
    ),
    (
        pod(hostUsers=False, hostNetwork=True),
        ["spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false"],
    ),
    (
        pod(
            securityContext={
                "sysctls": [{"name": "net.core.somaxconn", "value": "1"}],
                "seLinuxChangePolicy": "MountOption",
            },
            hostNetwork=True,
        ),
        [
            'spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be '
            "specified when 'hostNetwork' is true",
            "spec.securityContext.seLinuxChangePolicy: Unsupported value: "
            '"MountOption": supported values: "Recursive"',
        ],
    ),
    (
        pod(
            resources={"requests": {"cpu": "1", "example.com/x": "1"}},
            containers=[
                {"name": "c", "image": "i", "resources": {"requests": {"cpu": "600m"}}},
                {"name": "d", "image": "i", "resources": {"requests": {"cpu": "600m"}}},
            ],
        ),
        [
            'spec.resources.requests[example.com/x]: Unsupported value: "example.com/x": supported '
            'values: "cpu", "hugepages-", "memory"',
            "spec.resources.limits: Required value: Limit must be set for non overcommitable "
            "resources",
            'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to '
            "aggregate container requests of 1200m",
        ],
    ),
    (
        merged(
            POD,
            metadata={
                "annotations": {
                    "controller.kubernetes.io/pod-deletion-cost": "+1",
                    "kubernetes.io/config.mirror": "m",
                }
            },
        ),
        [
            'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "m": must set '
            "spec.nodeName if mirror pod annotation is set",
            "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "
            '"+1": must be a 32bit integer',
        ],
    ),
]


@pytest.mark.parametrize(("document", "errors"), MISTAKES)
def test_every_mistake_is_told_at_once(document: dict[str, Any], errors: list[str]) -> None:
    assert KIND.create(document).errors == errors


def test_a_contradictory_security_context_is_shown_whole() -> None:
    context = {"privileged": True, "allowPrivilegeEscalation": False}
    (error,) = KIND.create(container(securityContext=context)).errors
    assert error == (
        'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,'
        '"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,'
        '"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,'
        '"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set '
        "`allowPrivilegeEscalation` to false and `privileged` to true"
    )


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


def test_apparmor_fields_are_made_of_deprecated_annotations() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    owned: dict[str, Any] = {"fieldsV1": {"f:metadata": {"f:annotations": {f"f:{key}": {}}}}}
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


@pytest.mark.parametrize(
    ("annotations", "other"),
    [
        ({}, {}),
        ({}, {"lifecycle": {"stopSignal": "SIGTERM"}}),
        ({"container.apparmor.security.beta.kubernetes.io/i": "unconfined"}, {}),
    ],
    ids=["plain", "stop signal", "AppArmor"],
)
def test_a_pod_without_containers_is_refused(
    annotations: dict[str, str], other: dict[str, Any]
) -> None:
    spec = {"containers": None, "initContainers": [{"name": "i", "image": "i", **other}]}
    made = KIND.create(merged(POD, metadata={"annotations": annotations}) | {"spec": spec})
    assert "spec.containers: Required value" in made.errors
