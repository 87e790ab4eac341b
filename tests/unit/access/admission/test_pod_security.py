"""PodSecurity."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import UPDATE
from apiserver.access.admission.plugins.pod_security import (
    PodSecurityOfNamespaces,
    PodSecurityOfPods,
    PodSecurityOfWorkloads,
)
from apiserver.access.admission.plugins.pod_security.checks import violations
from apiserver.access.admission.plugins.pod_security.existing_pods import existing_pod_warnings
from apiserver.access.admission.plugins.pod_security.policy import (
    LATEST,
    WARN,
    LevelVersion,
    PodSecuritySettings,
    default_labels,
    effective_labels,
    policy_of,
)
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, named, pod

DEPLOYMENTS = GroupVersionResource("apps", "v1", "deployments")
PREFIX = "pod-security.kubernetes.io/"
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(**labels: str) -> Object:
    named_labels = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    return {"metadata": {"name": "ns", "labels": named_labels}}


def contained(name: str = "c", **context: Any) -> Object:
    return {"name": name, "image": "x", "securityContext": context}


def complaints(level: str, spec: Object, minor: int = LATEST, **metadata: Any) -> list[str]:
    spec = {"containers": [contained(**SAFE)], **spec}
    found = violations(LevelVersion(level, minor), metadata, spec)
    return [f"{v.reason} ({v.detail})" if v.detail else v.reason for v in found]


BASELINE: list[tuple[Object, list[str]]] = [
    ({}, []),
    (
        {"hostNetwork": True, "hostPID": True, "hostIPC": True},
        ["host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)"],
    ),
    (
        {"volumes": [{"name": "a", "hostPath": {"path": "/"}}, {"name": "b", "hostPath": {}}]},
        ['hostPath volumes (volumes "a", "b")'],
    ),
    (
        {"containers": [contained(privileged=True), contained("d", privileged=True)]},
        ['privileged (containers "c", "d" must not set securityContext.privileged=true)'],
    ),
    (
        {"containers": [contained(capabilities={"add": ["NET_ADMIN", "CHOWN"]})]},
        [
            'non-default capabilities (container "c" must not include "NET_ADMIN" in '
            "securityContext.capabilities.add)"
        ],
    ),
    (
        {"containers": [{"name": "c", "ports": [{"hostPort": 81}, {"hostPort": 80}]}]},
        ['hostPort (container "c" uses hostPorts 80, 81)'],
    ),
    (
        {"containers": [contained(procMount="Unmasked")]},
        ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
    ),
    (
        {
            "securityContext": {"seLinuxOptions": {"user": "u", "type": "odd_t"}},
            "containers": [contained(seLinuxOptions={"role": "r"})],
        },
        [
            'seLinuxOptions (pod and container "c" set forbidden '
            'securityContext.seLinuxOptions: type "odd_t"; user may not be set; '
            "role may not be set)"
        ],
    ),
    (
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        [
            'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
        ],
    ),
    (
        {"securityContext": {"sysctls": [{"name": "b"}, {"name": "kernel.shm_rmid_forced"}]}},
        ["forbidden sysctls (b)"],
    ),
    (
        {"securityContext": {"windowsOptions": {"hostProcess": True}}},
        ["hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"],
    ),
    (
        {"containers": [contained(appArmorProfile={"type": "Unconfined"})]},
        [
            'forbidden AppArmor profile (container "c" must not set AppArmor profile type to '
            '"Unconfined")'
        ],
    ),
]

RESTRICTED: list[tuple[Object, list[str]]] = [
    ({}, []),
    (
        {"containers": [{"name": "c"}]},
        [
            'allowPrivilegeEscalation != false (container "c" must set '
            "securityContext.allowPrivilegeEscalation=false)",
            'unrestricted capabilities (container "c" must set '
            'securityContext.capabilities.drop=["ALL"])',
            'runAsNonRoot != true (pod or container "c" must set '
            "securityContext.runAsNonRoot=true)",
            'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type '
            'to "RuntimeDefault" or "Localhost")',
        ],
    ),
    (
        {"volumes": [{"name": "a", "nfs": {}}, {"name": "b", "emptyDir": {}}]},
        ['restricted volume types (volume "a" uses restricted volume type "nfs")'],
    ),
    (
        {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
        [
            "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
            "runAsUser=0 (pod must not set runAsUser=0)",
        ],
    ),
    (
        {"containers": [contained(**{**SAFE, "capabilities": {"drop": ["ALL"], "add": ["X"]}})]},
        [
            'unrestricted capabilities (container "c" must not include "X" in '
            "securityContext.capabilities.add)"
        ],
    ),
    (
        {
            "os": {"name": "windows"},
            "containers": [contained(runAsNonRoot=True)],
        },
        [],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), BASELINE)
def test_baseline_keeps_pods_off_the_node(spec: Object, expected: list[str]) -> None:
    assert complaints("baseline", spec) == expected


@pytest.mark.parametrize(("spec", "expected"), RESTRICTED)
def test_restricted_asks_for_good_practice(spec: Object, expected: list[str]) -> None:
    assert complaints("restricted", spec) == expected


def test_an_annotation_is_a_profile_too() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    assert complaints("baseline", {}, annotations={key: "unconfined"}) == [
        f'forbidden AppArmor profile (annotation "{key}" must not set AppArmor profile type to '
        '"unconfined")'
    ]


@pytest.mark.parametrize(
    ("level", "minor", "expected"),
    [
        ("baseline", 34, ["procMount"]),
        ("baseline", 35, []),
        ("restricted", 34, ["procMount", "runAsNonRoot != true", "runAsUser=0"]),
        ("restricted", 35, ["procMount"]),
    ],
)
def test_a_user_namespace_relaxes_the_rules_for_root(
    level: str, minor: int, expected: list[str]
) -> None:
    container = contained(
        **{**SAFE, "procMount": "Unmasked", "runAsUser": 0, "runAsNonRoot": False}
    )
    found = complaints(level, {"hostUsers": False, "containers": [container]}, minor)
    assert [each.partition(" (")[0] for each in found] == expected


@pytest.mark.parametrize(("minor", "expected"), [(26, ["forbidden sysctls"]), (27, [])])
def test_a_version_knows_what_was_safe_then(minor: int, expected: list[str]) -> None:
    sysctls = [{"name": "net.ipv4.ip_local_reserved_ports"}]
    found = complaints("baseline", {"securityContext": {"sysctls": sysctls}}, minor)
    assert [text.partition(" (")[0] for text in found] == expected


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ({}, "privileged:latest"),
        ({"enforce": "baseline", "enforce_version": "v1.30"}, "baseline:v1.30"),
        ({"enforce": "strictest"}, "restricted:latest"),
    ],
)
def test_labels_name_level_and_version(labels: dict[str, str], shown: str) -> None:
    assert str(policy_of(namespace(**labels)["metadata"]["labels"], "enforce")) == shown


async def test_what_breaks_the_enforced_level_is_refused() -> None:
    admission = Admission([PodSecurityOfPods()], (NAMESPACES, namespace(enforce="baseline")))
    result, _ = await admission.admit(PODS, pod(hostNetwork=True))
    assert result == (
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": '
        "host namespaces (hostNetwork=true)"
    )


async def test_what_breaks_the_level_to_warn_of_is_remarked_on() -> None:
    labels = namespace(warn="baseline", warn_version="v1.30")
    text = 'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)'
    pods = Admission([PodSecurityOfPods()], (NAMESPACES, labels))
    assert (await pods.admit(PODS, pod(hostNetwork=True)))[1] == [text]
    workloads = Admission([PodSecurityOfWorkloads()], (NAMESPACES, labels))
    deployment = named("d", spec={"template": pod(hostNetwork=True)})
    assert (await workloads.admit(DEPLOYMENTS, deployment))[1] == [text]


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, True),
        ({"usernames": frozenset(["u"])}, False),
        ({"runtime_classes": frozenset(["sandbox"])}, False),
        ({"namespaces": frozenset(["ns"])}, False),
        ({"namespaces": frozenset(["other"])}, True),
    ],
)
async def test_defaults_and_exemptions(settings: dict[str, frozenset[str]], refused: bool) -> None:
    chosen = PodSecuritySettings(default_labels({"enforce": "baseline"}), **settings)
    admission = Admission([PodSecurityOfPods(chosen)], (NAMESPACES, namespace()))
    result, _ = await admission.admit(PODS, pod(hostNetwork=True, runtimeClassName="sandbox"))
    assert isinstance(result, str) is refused
    labelled = namespace(enforce="privileged")
    admission = Admission([PodSecurityOfPods(chosen)], (NAMESPACES, labelled))
    assert not isinstance((await admission.admit(PODS, pod(hostNetwork=True)))[0], str)


async def test_an_update_of_something_else_is_no_matter() -> None:
    admission = Admission([PodSecurityOfPods()], (NAMESPACES, namespace(enforce="baseline")))
    old, new = pod(hostNetwork=True), pod(hostNetwork=True, activeDeadlineSeconds=5)
    assert (await admission.admit(PODS, new, UPDATE, old=old))[0] == new


async def test_labels_that_mean_nothing_are_refused() -> None:
    labelled = namespace(enforce="strictest", audit_version="soon")
    result, _ = await Admission([PodSecurityOfNamespaces()]).admit(NAMESPACES, labelled)
    assert result == (
        f'Kind "ns" is invalid: [metadata.labels[{PREFIX}enforce]: Invalid value: "strictest": '
        f"must be one of privileged, baseline, restricted, metadata.labels[{PREFIX}audit-version]: "
        'Invalid value: "soon": must be "latest" or "v1.x"]'
    )


async def test_a_stricter_level_warns_of_pods_that_are_there() -> None:
    others = [(PODS, named(name, spec=pod(hostPID=True)["spec"])) for name in "abc"]
    admission = Admission([PodSecurityOfNamespaces()], *others)
    new, old = namespace(enforce="baseline"), namespace()
    _, warnings = await admission.admit(NAMESPACES, new, UPDATE, old=old)
    assert warnings == [
        'existing pods in namespace "ns" violate the new PodSecurity enforce level '
        '"baseline:latest"',
        "a (and 2 other pods): host namespaces",
    ]
    assert (await admission.admit(NAMESPACES, old, UPDATE, old=new))[1] == []


def changed(**container: Any) -> Object:
    return pod(hostNetwork=True, containers=[{"name": "c", "image": "x", **container}])


@pytest.mark.parametrize(
    ("new", "annotations", "refused"),
    [
        (changed(), {}, False),
        (changed(image="y"), {}, True),
        (changed(), {"container.seccomp.security.alpha.kubernetes.io/c": "unconfined"}, True),
        (changed(), {"container.seccomp.security.alpha.kubernetes.io/d": "unconfined"}, False),
    ],
)
async def test_what_has_changed_is_checked(
    new: Object, annotations: dict[str, str], refused: bool
) -> None:
    admission = Admission([PodSecurityOfPods()], (NAMESPACES, namespace(enforce="baseline")))
    new = {**new, "metadata": {**new["metadata"], "annotations": annotations}}
    result, _ = await admission.admit(PODS, new, UPDATE, old=changed())
    assert isinstance(result, str) is refused


async def test_new_ephemeral_containers_are_checked() -> None:
    admission = Admission([PodSecurityOfPods()], (NAMESPACES, namespace(enforce="baseline")))
    old = changed()
    new = {**old, "spec": {**old["spec"], "ephemeralContainers": [{"name": "d", "image": "x"}]}}
    result, _ = await admission.admit(PODS, new, UPDATE, old=old, subresource="ephemeralcontainers")
    assert isinstance(result, str)


@pytest.mark.parametrize(
    ("labels", "defaults", "expected"),
    [
        ({"enforce": "baseline"}, {}, "baseline:latest"),
        ({"enforce": "baseline", "enforce_version": "v1.22"}, {}, "baseline:v1.22"),
        ({"enforce": "baseline", "warn_version": "v1.23"}, {}, "baseline:v1.23"),
        (
            {"enforce": "baseline", "enforce_version": "v1.22", "warn_version": "latest"},
            {},
            "baseline:latest",
        ),
        ({"enforce": "baseline", "warn": "restricted"}, {}, "restricted:latest"),
        ({"enforce": "baseline", "warn": "privileged"}, {}, "privileged:latest"),
        ({"enforce": "baseline", "warn": "odd"}, {}, "privileged:latest"),
        ({"enforce": "odd"}, {}, "privileged:latest"),
        ({}, {"enforce": "baseline"}, "privileged:latest"),
        ({"enforce": "baseline"}, {"warn": "restricted"}, "restricted:latest"),
    ],
)
def test_what_is_enforced_is_warned_about(
    labels: dict[str, str], defaults: dict[str, str], expected: str
) -> None:
    own = namespace(**labels)["metadata"]["labels"]
    assert str(policy_of(effective_labels(own, default_labels(defaults)), WARN)) == expected


@pytest.mark.parametrize(
    ("settings", "labels", "warnings"),
    [
        ({}, {"enforce": "privileged", "warn_version": "v1.20"}, []),
        ({"enforce": "baseline"}, {}, []),
        (
            {},
            {"enforce": "baseline", "audit": "restricted", "audit_version": "v1.30"},
            ["enforce=baseline:latest, audit=restricted:v1.30"],
        ),
        ({"enforce": "baseline"}, {"warn": "restricted"}, ["warn=restricted:latest"]),
    ],
)
async def test_the_labels_of_an_exempt_namespace_are_ignored(
    settings: dict[str, str], labels: dict[str, str], warnings: list[str]
) -> None:
    chosen = PodSecuritySettings(default_labels(settings), namespaces=frozenset(["ns"]))
    admission = Admission([PodSecurityOfNamespaces(chosen)])
    _, found = await admission.admit(NAMESPACES, namespace(**labels))
    assert found == [
        f'namespace "ns" is exempt from Pod Security, and the policy ({policy}) will be ignored'
        for policy in warnings
    ]


def test_pods_of_a_controller_are_checked_after_the_others() -> None:
    owned = {"ownerReferences": [{"uid": "u", "controller": True}]}
    pods = [{"metadata": {"name": f"a-{index}", **owned}, "spec": {}} for index in range(3000)] + [
        named("z", spec={"hostPID": True})
    ]
    policy = LevelVersion("baseline")
    assert existing_pod_warnings("ns", policy, pods, PodSecuritySettings()) == [
        "new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods",
        'existing pods in namespace "ns" violate the new PodSecurity enforce level '
        '"baseline:latest"',
        "z: host namespaces",
    ]
    sandboxed = [named("y", spec={"hostPID": True, "runtimeClassName": "sandbox"})]
    exempt = PodSecuritySettings(runtime_classes=frozenset(["sandbox"]))
    assert existing_pod_warnings("ns", policy, sandboxed, exempt) == []


@pytest.mark.parametrize(
    ("settings", "labels", "expected"),
    [
        ({}, {}, {"enforce-policy": "privileged:latest"}),
        ({}, {"enforce_version": "v1.20"}, {"enforce-policy": "privileged:latest"}),
        ({"namespaces": "ns"}, {"enforce": "baseline"}, {"exempt": "namespace"}),
        ({"usernames": "u"}, {"enforce": "baseline"}, {"exempt": "user"}),
        ({"runtime_classes": "sandbox"}, {"enforce": "baseline"}, {"exempt": "runtimeClass"}),
        (
            {},
            {"enforce": "baseline", "audit": "baseline"},
            {
                "enforce-policy": "baseline:latest",
                "audit-violations": 'would violate PodSecurity "baseline:latest": host namespaces '
                "(hostNetwork=true)",
            },
        ),
        (
            {},
            {"enforce": "privileged", "audit": "odd"},
            {
                "enforce-policy": "privileged:latest",
                "error": f"Failed to parse policy: metadata.labels[{PREFIX}audit]: Invalid value: "
                '"odd": must be one of privileged, baseline, restricted',
            },
        ),
    ],
)
async def test_what_is_audited(
    settings: dict[str, str], labels: dict[str, str], expected: dict[str, str]
) -> None:
    chosen = PodSecuritySettings(**{name: frozenset([value]) for name, value in settings.items()})
    admission = Admission([PodSecurityOfPods(chosen)], (NAMESPACES, namespace(**labels)))
    await admission.admit(PODS, pod(hostNetwork=True, runtimeClassName="sandbox"))
    assert admission.annotations == {PREFIX + name: value for name, value in expected.items()}
