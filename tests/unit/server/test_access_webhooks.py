"""Webhooks decide what a server allows, by an AuthorizationConfiguration or by flags."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver.access.configuration_files import ConfigurationError
from apiserver.server.config import ConfigError
from apiserver.server.config_loading import load_config
from apiserver.server.webhook_authorizers import ConfiguredAuthorizers
from tests.unit.client.webhook_server import Webhook, http, make_certificate, running_webhook
from tests.unit.server.in_process import server_in_process

CERTIFICATE = make_certificate("127.0.0.1")
REVIEW = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}


def says(version: str = "v1", **status: Any) -> bytes:
    api_version = REVIEW["apiVersion"].replace("v1", version)
    return http(json.dumps({**REVIEW, "apiVersion": api_version, "status": status}).encode())


def kubeconfig(directory: Path, webhook: Webhook) -> Path:
    authority = directory / "authority.crt"
    authority.write_text(CERTIFICATE.pem)
    cluster = {
        "server": f"https://127.0.0.1:{webhook.port}/authorize",
        "certificate-authority": str(authority),
    }
    document = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    path = directory / "webhook.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def configuration(directory: Path, webhook: Webhook, **settings: Any) -> Path:
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthorizationConfiguration",
        "authorizers": [
            {
                "type": "Webhook",
                "name": "w",
                "webhook": {
                    "timeout": "1s",
                    "subjectAccessReviewVersion": "v1",
                    "failurePolicy": "NoOpinion",
                    "connectionInfo": {
                        "type": "KubeConfigFile",
                        "kubeConfigFile": str(kubeconfig(directory, webhook)),
                    },
                    **settings,
                },
            },
            {"type": "RBAC", "name": "rbac"},
        ],
    }
    path = directory / "authorization.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


PODS = "/api/v1/namespaces/n/pods?labelSelector=a%3Db"


async def test_a_request_is_what_the_webhook_says(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, says(allowed=True)) as webhook:
        path = configuration(tmp_path, webhook, cacheUnauthorizedRequests=False)
        async with server_in_process(tmp_path, f"--authorization-config={path}") as api:
            anonymous = {"Authorization": ""}
            assert (await api.get(PODS, **anonymous)).status == 200
            assert (await api.get(PODS, **anonymous)).status == 200
            ((_, _, body),) = webhook.requests
            spec = json.loads(body)["spec"]
            assert spec == {
                "resourceAttributes": {
                    "namespace": "n", "verb": "list", "version": "v1", "resource": "pods",
                    "labelSelector": {
                        "requirements": [{"key": "a", "operator": "In", "values": ["b"]}]
                    },
                },
                "user": "system:anonymous",
                "groups": ["system:unauthenticated"],
            }  # fmt: skip
            webhook.answer = says(denied=True, reason="not now")
            refused = await api.get("/version", **anonymous)
            assert refused.status == 403
            assert refused.message.endswith('cannot get path "/version": not now')
            webhook.answer = says(reason="no idea")
            assert (await api.get("/version", **anonymous)).status == 200
            refused = await api.get("/api/v1/nodes", **anonymous)
            assert refused.message.endswith("at the cluster scope: no idea")


async def test_without_an_answer_a_request_fails_unless_others_allow_it(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, None) as webhook:
        path = configuration(tmp_path, webhook, timeout="50ms")
        async with server_in_process(tmp_path, f"--authorization-config={path}") as api:
            assert (await api.get("/version", Authorization="")).status == 200
            async with api.session.get(
                api.url + "/api/v1/nodes", headers={"Authorization": ""}
            ) as response:
                text = await response.text()
            assert response.status == 500
            assert text == (
                'Internal Server Error: "/api/v1/nodes": Post '
                f'"https://127.0.0.1:{webhook.port}/authorize?timeout=1s": '
                "context deadline exceeded\n"
            )
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            # The administrator is not asked about, and is not kept waiting.
            assert (await api.get("/api/v1/nodes")).status == 200
            review = {"kind": "SelfSubjectAccessReview", "spec": {"nonResourceAttributes": {}}}
            answer = await api.ask(
                "POST",
                "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                {**REVIEW, "spec": {**review["spec"], "user": "jo"}},  # type: ignore[dict-item]
            )
            assert "context deadline exceeded" in answer.body["status"]["evaluationError"]


async def test_a_webhook_that_hangs_keeps_no_other_waiting(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, None) as webhook:
        path = configuration(tmp_path, webhook, timeout="30s")
        async with server_in_process(tmp_path, f"--authorization-config={path}") as api:
            waiting = [
                asyncio.create_task(api.get(f"/x{number}", Authorization=""))
                for number in range(50)
            ]
            for _ in range(20):
                assert (await api.get("/api/v1/nodes")).status == 200
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_mode_webhook_asks_with_the_older_version(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, says("v1beta1", allowed=True)) as webhook:
        flags = (
            "--authorization-mode=Webhook",
            f"--authorization-webhook-config-file={kubeconfig(tmp_path, webhook)}",
            "--authorization-webhook-cache-authorized-ttl=0s",
        )
        async with server_in_process(tmp_path, *flags) as api:
            for _ in range(2):
                assert (await api.get("/api/v1/nodes", Authorization="")).status == 200
        assert len(webhook.requests) == 2
        assert json.loads(webhook.requests[0][2])["apiVersion"] == "authorization.k8s.io/v1beta1"


async def test_a_changed_file_is_in_effect(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE, says(allowed=True)) as webhook:
        path = configuration(tmp_path, webhook)
        async with server_in_process(tmp_path, f"--authorization-config={path}") as api:
            (files,) = (each for each in api.server.access.files if "authorization" in each.name)
            assert (await api.get("/api/v1/nodes", Authorization="")).status == 200
            text = path.read_text()
            path.write_text(text.replace("RBAC", "AlwaysAllow"))
            with pytest.raises(ConfigurationError, match="cannot change: RBAC"):
                files.load()
            only_for_joe = {
                "matchConditions": [{"expression": "request.user == 'joe'"}],
                "matchConditionSubjectAccessReviewVersion": "v1",
            }
            configuration(tmp_path, webhook, **only_for_joe)
            files.load()
            assert (await api.get("/api/v1/nodes", Authorization="")).status == 403


async def test_a_kubeconfig_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    async with running_webhook(CERTIFICATE) as webhook:
        path = configuration(tmp_path, webhook)
        (tmp_path / "webhook.kubeconfig").write_text("")
        with pytest.raises(ConfigurationError, match="no configuration has been provided"):
            ConfiguredAuthorizers.of_file(path, 60.0)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"authorization_mode": "Webhook"}, "config file not passed"),
        ({"authorization_webhook_config_file": "f"}, "without mode Webhook"),
        (
            {"authorization_mode": "RBAC", "authorization_config": "f"},
            "can not be specified when --authorization-mode",
        ),
        ({"authorization_webhook_version": "v2"}, "must be one of v1, v1beta1"),
        ({"authorization_config": "/no/such"}, "no such file"),
    ],
)
def test_flags_that_contradict_are_refused(flags: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        load_config(flags)


async def test_a_webhook_may_know_tokens(tmp_path: Path) -> None:
    status = {"authenticated": True, "user": {"username": "jane", "groups": ["dev"]}}
    review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1beta1"}
    said = http(json.dumps({**review, "status": status}).encode())
    async with running_webhook(CERTIFICATE, said) as webhook:
        path = kubeconfig(tmp_path, webhook)
        flag = f"--authentication-token-webhook-config-file={path}"
        async with server_in_process(tmp_path, flag) as api:
            whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            headers = {"Authorization": "Bearer theirs"}
            for _ in range(2):
                async with api.session.post(api.url + whoami, json={}, headers=headers) as answer:
                    user = (await answer.json())["status"]["userInfo"]
                    assert user == {"username": "jane", "groups": ["dev", "system:authenticated"]}
            ((_, _, body),) = webhook.requests
            assert json.loads(body)["spec"] == {
                "token": "theirs",
                "audiences": ["https://kubernetes.default.svc"],
            }
            webhook.answer = http(json.dumps({**review, "status": {"error": "x"}}).encode())
            assert (await api.get("/api", Authorization="Bearer other")).status == 401
            webhook.answer = http(b"nonsense")
            assert (await api.get("/api", Authorization="Bearer other")).status == 401
