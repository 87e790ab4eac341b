"""The settings of plugins in the file of --admission-control-config-file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apiserver.access.admission.admission_configuration import load_admission_settings
from apiserver.access.admission.plugins.pod_security.policy import PodSecuritySettings
from apiserver.access.configuration_files import ConfigurationError

_GROUP = "apiserver.config.k8s.io/v1"
USERS = {
    "hook.tests.svc": "service",
    "hook.tests.svc:8443": "service on a port",
    "*.tests.svc": "namespace",
    "a.example.com": "host",
    "b.example.com:1": "host on a port",
    "*.example.com": "domain",
    "*": "all",
}


def configuration(**plugin: Any) -> dict[str, Any]:
    plugins = [{"name": "ValidatingAdmissionWebhook", **plugin}]
    return {"apiVersion": _GROUP, "kind": "AdmissionConfiguration", "plugins": plugins}


def webhooks(kubeconfig: str) -> dict[str, Any]:
    kind = "WebhookAdmissionConfiguration"
    return {"apiVersion": _GROUP, "kind": kind, "kubeConfigFile": kubeconfig}


def write(directory: Path, document: Any, users: dict[str, str] = USERS, **more: Any) -> Path:
    """Write a configuration, and a kubeconfig beside it with tokens of users by their names."""
    kubeconfig = {
        "users": [{"name": name, "user": {"token": token}} for name, token in users.items()],
        **more,
    }
    (directory / "users.yaml").write_text(json.dumps(kubeconfig))
    path = directory / "admission.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("hook.tests.svc:443", "service"),
        ("hook.tests.svc:8443", "service on a port"),
        ("other.tests.svc:443", "namespace"),
        ("a.example.com:443", "host"),
        ("a.example.com:1", "all"),
        ("b.example.com:1", "host on a port"),
        ("b.example.com:443", "domain"),
        ("127.0.0.1:443", "all"),
    ],
)
def test_users_by_address(tmp_path: Path, address: str, token: str) -> None:
    path = write(tmp_path, configuration(configuration=webhooks("users.yaml")))
    found = load_admission_settings(path).credentials
    assert set(found) == {"ValidatingAdmissionWebhook"}
    assert found["ValidatingAdmissionWebhook"](address).authorization == f"Bearer {token}"


def test_the_current_context_is_for_everyone_else(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        configuration(configuration=webhooks("users.yaml")),
        {"a": "token of a"},
        **{
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "x", "user": "a"}}],
        },
    )
    found = load_admission_settings(path).credentials["ValidatingAdmissionWebhook"]
    assert found("anyone:443").authorization == "Bearer token of a"


def test_a_configuration_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, configuration(path="webhooks.yaml"))
    (tmp_path / "webhooks.yaml").write_text(json.dumps(webhooks("users.yaml")))
    assert (
        load_admission_settings(path).credentials["ValidatingAdmissionWebhook"]("x:1").authorization
    )


def test_nothing_is_configured(tmp_path: Path) -> None:
    assert load_admission_settings(write(tmp_path, configuration())).credentials == {}
    nobody = configuration(configuration=webhooks(""))
    assert load_admission_settings(write(tmp_path, nobody)).credentials == {}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "empty configuration"),
        ({"kind": "Pod", "apiVersion": "v1"}, 'no kind "Pod" is registered for version "v1"'),
        ({**configuration(), "x": 1}, 'unknown field "x"'),
        (
            configuration(name="ResourceQuota"),
            'the configuration of the plugin "ResourceQuota" is not implemented',
        ),
        (
            configuration(configuration={**webhooks("users.yaml"), "kind": "x"}),
            f'no kind "x" is registered for version "{_GROUP}"',
        ),
    ],
)
def test_files_that_are_refused(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_admission_settings(write(tmp_path, document))


def test_kubeconfigs_that_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, configuration(configuration=webhooks("users.yaml")))
    kubeconfig = {"users": [{"name": "a", "user": {"exec": {"command": "x"}}}]}
    (tmp_path / "users.yaml").write_text(json.dumps(kubeconfig))
    with pytest.raises(ConfigurationError, match="credentials by exec are not supported"):
        load_admission_settings(path)
    (tmp_path / "users.yaml").unlink()
    with pytest.raises(OSError, match="No such file"):
        load_admission_settings(path)


def pod_security(**members: Any) -> dict[str, Any]:
    group = "pod-security.admission.config.k8s.io/v1"
    inner = {"apiVersion": group, "kind": "PodSecurityConfiguration", **members}
    return configuration(name="PodSecurity", configuration=inner)


def test_pod_security(tmp_path: Path) -> None:
    exemptions = {"usernames": ["u"], "runtimeClasses": ["r"], "namespaces": ["n"]}
    defaults = {"enforce": "baseline", "warn": "restricted", "warn-version": "v1.30"}
    document = pod_security(defaults=defaults, exemptions=exemptions)
    assert load_admission_settings(write(tmp_path, document)).pod_security == PodSecuritySettings(
        {f"pod-security.kubernetes.io/{name}": value for name, value in defaults.items()},
        usernames=frozenset("u"),
        runtime_classes=frozenset("r"),
        namespaces=frozenset("n"),
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"defaults": {"enforce": "x"}},
            "defaults.enforce: .*must be one of privileged, baseline, restricted",
        ),
        (
            {"defaults": {"enforce-version": "2"}},
            'defaults.enforce-version: .*must be "latest" or "v1.x"',
        ),
        ({"defaults": {"x": "y"}}, 'unknown field "defaults.x"'),
        ({"exemptions": {"x": []}}, 'unknown field "exemptions.x"'),
    ],
)
def test_pod_security_that_is_refused(tmp_path: Path, members: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_admission_settings(write(tmp_path, pod_security(**members)))
