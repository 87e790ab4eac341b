"""Security contexts, profiles, and what only Windows has."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.resources.builtin.parts.clusterpolicy import POLICY
from apiserver.resources.builtin.parts.podannotations import (
    is_deletion_cost,
    validate_agreement,
    validate_annotations,
)
from apiserver.resources.builtin.parts.podrules import OF_POD
from apiserver.resources.builtin.parts.profiles import validate_apparmor, validate_seccomp
from apiserver.resources.builtin.parts.securitycontext import (
    host_sysctl_errors,
    validate_security_context,
)
from apiserver.resources.builtin.parts.windows import validate_host_processes, validate_options


def texts(errors: Any) -> list[str]:
    """Return errors as clients read them."""
    return [str(error) for error in errors]


def test_containers_are_privileged_only_where_the_server_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = {"privileged": True}
    assert validate_security_context(context, "s", host_users=True) == []
    monkeypatch.setattr(POLICY, "allow_privileged", False)
    assert texts(validate_security_context(context, "s", host_users=True)) == [
        "s.privileged: Forbidden: disallowed by cluster policy"
    ]


def test_users_and_groups_have_numbers() -> None:
    context = {"runAsUser": -1, "runAsGroup": 1 << 31}
    detail = "must be between 0 and 2147483647, inclusive"
    assert texts(validate_security_context(context, "s", host_users=True)) == [
        f"s.runAsUser: Invalid value: -1: {detail}",
        f"s.runAsGroup: Invalid value: 2147483648: {detail}",
    ]


SECCOMP: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "RuntimeDefault"}, []),
    ({"type": "Localhost", "localhostProfile": "a/b"}, []),
    ({}, ["s.type: Required value: type is required when seccompProfile is set"]),
    (
        {"type": "Localhost"},
        ["s.localhostProfile: Required value: must be set when seccomp type is Localhost"],
    ),
    (
        {"type": "Unconfined", "localhostProfile": "a"},
        [
            's.localhostProfile: Invalid value: {"Type":"Unconfined","LocalhostProfile":"a"}: can '
            "only be set when seccomp type is Localhost"
        ],
    ),
]


@pytest.mark.parametrize(("profile", "errors"), SECCOMP)
def test_a_seccomp_profile_is_of_one_type(profile: dict[str, Any], errors: list[str]) -> None:
    assert texts(validate_seccomp(profile, "s")) == errors


APPARMOR: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "Localhost", "localhostProfile": "p"}, []),
    (
        {"type": "Localhost", "localhostProfile": " p"},
        ['s.localhostProfile: Invalid value: " p": must not be padded with whitespace'],
    ),
    (
        {"type": "RuntimeDefault", "localhostProfile": "p"},
        ['s.localhostProfile: Invalid value: "p": can only be set when AppArmor type is Localhost'],
    ),
    ({}, ["s.type: Required value: type is required when appArmorProfile is set"]),
]


@pytest.mark.parametrize(("profile", "errors"), APPARMOR)
def test_an_apparmor_profile_is_of_one_type(profile: dict[str, Any], errors: list[str]) -> None:
    assert texts(validate_apparmor(profile, "s")) == errors


def test_annotations_and_fields_do_not_contradict_each_other() -> None:
    annotations = {
        "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/c": "localhost/a",
    }
    profile = {"type": "Localhost", "localhostProfile": "b"}
    spec = {
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "securityContext": {"appArmorProfile": profile}}],
    }
    assert texts(validate_agreement(annotations, spec, "spec", apparmor=True)) == [
        "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field "
        "must match",
        "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor "
        "profile in annotation and field must match",
    ]
    assert len(validate_agreement(annotations, spec, "spec", apparmor=False)) == 1


def test_annotations_name_profiles_that_there_may_be() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/x"
    annotations = {"seccomp.security.alpha.kubernetes.io/pod": "mine", key: "mine"}
    spec = {"containers": [{"name": "c"}]}
    assert texts(validate_annotations(annotations, spec, "m", OF_POD)) == [
        'm.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "mine": must be a valid '
        "seccomp profile",
        f'm[{key}]: Invalid value: "x": container not found',
        f'm[{key}]: Invalid value: "mine": invalid AppArmor profile name: "mine"',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", True), ("-5", True), ("2147483648", False), ("+1", False), ("01", False), ("", False)],
)
def test_a_cost_of_deletion_is_a_number(text: str, expected: bool) -> None:
    assert is_deletion_cost(text) is expected


SYSCTLS = [
    ("net.ipv4.tcp_syncookies", {"hostNetwork": True}, True),
    ("net/ipv4/tcp_syncookies", {"hostNetwork": True}, True),
    ("net.ipv4.tcp_syncookies", {"hostIPC": True}, False),
    ("kernel.msgmax", {"hostIPC": True}, True),
    ("vm.swappiness", {"hostIPC": True, "hostNetwork": True}, False),
]


@pytest.mark.parametrize(("name", "spec", "refused"), SYSCTLS)
def test_parameters_of_shared_namespaces_are_the_hosts(
    name: str, spec: dict[str, Any], refused: bool
) -> None:
    assert bool(host_sysctl_errors(name, spec, "s")) is refused


USERS = [
    ("DOMAIN\\user", []),
    ("", ["runAsUserName cannot be an empty string"]),
    ("a\\b\\c", ["runAsUserName cannot contain more than one backslash"]),
    (".x\\", [
        "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
        "runAsUserName's User cannot be empty",
    ]),
    ("a@b", [
        "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "details"), USERS)
def test_windows_has_its_own_names_of_users(name: str, details: list[str]) -> None:
    errors = validate_options({"runAsUserName": name}, "w")
    assert [error.body.partition('": ')[2] for error in errors] == details


def test_all_containers_of_a_pod_are_processes_of_the_host_or_none() -> None:
    host = {"securityContext": {"windowsOptions": {"hostProcess": True}}}
    spec = {"containers": [host, {}]}
    assert texts(validate_host_processes(spec, "spec")) == [
        'spec: Invalid value: "": If pod contains any hostProcess containers then all containers '
        "must be HostProcess containers",
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any "
        "hostProcess containers",
    ]
    assert validate_host_processes({"containers": [host], "hostNetwork": True}, "spec") == []
