"""The service account of a Pod, its token volume and its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import UPDATE
from apiserver.access.admission.plugins.service_account import (
    SecretsOfEphemeralContainers,
    ServiceAccount,
)
from apiserver.machinery.builtin_resources import (
    PODS,
    SERVICE_ACCOUNTS,
)
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, named, pod

FORBIDDEN = 'pods "p" is forbidden: '


async def with_account(document: Object, **account: Any) -> Any:
    admission = Admission([ServiceAccount()], (SERVICE_ACCOUNTS, named("default", **account)))
    result, _ = await admission.admit(PODS, document)
    return result


async def test_a_pod_runs_as_the_default_account_and_mounts_a_token() -> None:
    spec = (await with_account(pod(), imagePullSecrets=[{"name": "s"}]))["spec"]
    (volume,) = spec["volumes"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert spec["imagePullSecrets"] == [{"name": "s"}]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken", "configMap", "downwardAPI",
    ]  # fmt: skip
    assert spec["containers"][0]["volumeMounts"] == [
        {
            "name": volume["name"],
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    ]


@pytest.mark.parametrize(
    ("spec", "account", "mounts"),
    [
        ({"automountServiceAccountToken": False}, {}, False),
        ({}, {"automountServiceAccountToken": False}, False),
        ({"automountServiceAccountToken": True}, {"automountServiceAccountToken": False}, True),
    ],
)
async def test_pod_and_account_say_whether_a_token_is_mounted(
    spec: Object, account: Object, mounts: bool
) -> None:
    admitted = await with_account(pod(**spec), **account)
    assert ("volumes" in admitted["spec"]) is mounts


async def test_an_account_that_is_not_there_is_refused() -> None:
    assert await with_account(pod(serviceAccountName="sa")) == (
        f'{FORBIDDEN}error looking up service account ns/sa: serviceaccount "sa" not found'
    )


async def test_a_mirror_pod_has_no_account() -> None:
    mirror = pod(serviceAccountName="default")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    expected = f"{FORBIDDEN}a mirror pod may not reference service accounts"
    assert await with_account(mirror) == expected


VARIABLE = {"env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}
SOURCE = {"envFrom": [{"secretRef": {"name": "s"}}]}
NOT_REFERENCED = "is not allowed because service account default does not reference that"


@pytest.mark.parametrize("named_secrets", [False, True])
@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "volume with "),
        ({"containers": [{"name": "a", **VARIABLE}]}, "container a with envVar E referencing "),
        (
            {"containers": [], "initContainers": [{"name": "b", **SOURCE}]},
            "init container b with envFrom referencing ",
        ),
    ],
)
async def test_only_the_secrets_of_the_account_are_mounted(
    spec: Object, what: str, named_secrets: bool
) -> None:
    account = named("default", secrets=[{"name": "s"}] if named_secrets else [])
    account["metadata"]["annotations"] = {"kubernetes.io/enforce-mountable-secrets": "True"}
    admission = Admission([ServiceAccount()], (SERVICE_ACCOUNTS, account))
    result, _ = await admission.admit(PODS, pod(**spec))
    if named_secrets:
        assert not isinstance(result, str)
    else:
        expected = f'{what}secret.secretName="s" {NOT_REFERENCED} secret'
        assert result == FORBIDDEN + expected


async def test_only_the_image_pull_secrets_of_the_account_are_used() -> None:
    account = named("default", imagePullSecrets=[{"name": "a"}])
    account["metadata"]["annotations"] = {"kubernetes.io/enforce-mountable-secrets": "1"}
    admission = Admission([ServiceAccount()], (SERVICE_ACCOUNTS, account))
    result, _ = await admission.admit(PODS, pod(imagePullSecrets=[{"name": "a"}, {"name": "b"}]))
    expected = f'imagePullSecrets[1].name="b" {NOT_REFERENCED} imagePullSecret'
    assert result == FORBIDDEN + expected


async def test_ephemeral_containers_have_the_secrets_of_the_account() -> None:
    account = named("default")
    account["metadata"]["annotations"] = {"kubernetes.io/enforce-mountable-secrets": "true"}
    admission = Admission([SecretsOfEphemeralContainers()], (SERVICE_ACCOUNTS, account))
    new = pod(serviceAccountName="default", ephemeralContainers=[{"name": "e", **SOURCE}])
    sub = "ephemeralcontainers"
    result, _ = await admission.admit(PODS, new, UPDATE, old=pod(), subresource=sub)
    expected = f'envFrom referencing secret.secretName="s" {NOT_REFERENCED} secret'
    assert result == f"ephemeral container e with {expected}"
    result, _ = await admission.admit(PODS, pod(), UPDATE, old=pod(), subresource=sub)
    assert result == f"{FORBIDDEN}no service account specified for pod ns/p"


@pytest.mark.parametrize(
    "spec",
    [
        {"imagePullSecrets": [{"name": "s"}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
        {"containers": [{"name": "a", **SOURCE}]},
    ],
)
async def test_a_mirror_pod_has_no_secrets(spec: Object) -> None:
    mirror = pod(**spec)
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert await with_account(mirror) == f"{FORBIDDEN}a mirror pod may not reference secrets"
