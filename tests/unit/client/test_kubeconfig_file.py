"""Kubeconfig files that lead to a webhook."""

from __future__ import annotations

import ssl
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver.client.kubeconfig_file import KubeconfigConnection, KubeconfigError, load_kubeconfig
from tests.unit.client.webhook_server import make_certificate

CLIENT = make_certificate("client")


def kubeconfig(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> KubeconfigConnection:
    document = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = path / "config"
    file.write_text(yaml.safe_dump(document))
    return load_kubeconfig(file)


SERVER = {"server": "https://h:1/p"}


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_a_server_with_its_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(CLIENT.pem)
    for cluster in (
        {"certificate-authority": "ca.crt"},
        {"certificate-authority": str(tmp_path / "ca.crt")},
        {"certificate-authority-data": encoded(CLIENT.pem)},
    ):
        found = kubeconfig(tmp_path, {**SERVER, **cluster, "tls-server-name": "name"}, {})
        assert (found.server.url, found.server.ca_bundle) == ("https://h:1/p", CLIENT.pem)
        assert (found.credentials.authorization, found.credentials.server_name) == ("", "name")


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ({}, ""),
        ({"token": "t"}, "Bearer t"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"username": "a", "password": "b"}, "Basic YTpi"),
    ],
)
def test_credentials(tmp_path: Path, user: dict[str, Any], authorization: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert kubeconfig(tmp_path, SERVER, user).credentials.current_authorization() == authorization


def test_a_client_certificate(tmp_path: Path) -> None:
    (tmp_path / "c.crt").write_text(CLIENT.pem)
    (tmp_path / "c.key").write_text(CLIENT.key)
    for user in (
        {"client-certificate": "c.crt", "client-key": "c.key"},
        {
            "client-certificate-data": encoded(CLIENT.pem),
            "client-key-data": encoded(CLIENT.key),
        },
    ):
        assert kubeconfig(tmp_path, SERVER, user).credentials.load is not None


def test_a_server_may_be_trusted_blindly(tmp_path: Path) -> None:
    found = kubeconfig(tmp_path, {**SERVER, "insecure-skip-tls-verify": True}, {})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert found.credentials.load is not None
    found.credentials.load(context)
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("cluster", "user", "error"),
    [
        ({}, {}, "invalid configuration: no server found for cluster"),
        (SERVER, {"exec": {"command": "x"}}, "credentials by exec are not supported"),
        (SERVER, {"tokenFile": "/dev/null"}, "read empty token from file /dev/null"),
        (
            SERVER,
            {"client-certificate-data": encoded(CLIENT.pem)},
            "client-certificate and client-key need each other",
        ),
        (
            SERVER,
            {"client-certificate-data": encoded("a"), "client-key-data": encoded("b")},
            "PEM",
        ),
        ({**SERVER, "certificate-authority-data": "*"}, {}, "certificate-authority-data: "),
    ],
)
def test_files_that_lead_nowhere(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], error: str
) -> None:
    with pytest.raises(KubeconfigError, match=error):
        kubeconfig(tmp_path, cluster, user)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "no configuration has been provided"),
        ("[]", "no configuration has been provided"),
        ("current-context: x", 'context "x" does not exist'),
        (
            "{current-context: x, contexts: [{name: x, context: {cluster: c}}]}",
            'cluster "c" does not exist',
        ),
        ("{", "yaml"),
        ("{current-context: x, contexts: 5}", "a member has the wrong type"),
        (
            "{current-context: x, contexts: [{name: x, context: {cluster: c}}], "
            "clusters: [{name: c, cluster: {server: a, certificate-authority: [1]}}]}",
            "a member has the wrong type",
        ),
    ],
)
def test_files_that_say_nothing(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match=error):
        load_kubeconfig(path)


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kubeconfig(tmp_path, {**SERVER, "certificate-authority": "none"}, {})
