"""Pods that are refused, and every reason for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.resources.core.podspecs import KIND, POD, container, pod
from tests.unit.resources.writing import merged

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


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
        ["spec.hostNetwork: Forbidden: when `hostUsers` is false"],
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
