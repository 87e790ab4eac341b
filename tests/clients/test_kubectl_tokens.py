"""kubectl with tokens that others have issued."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.server_process import ServerProcess, running_server
from tests.token_issuer import AUDIENCE, SigningKey, TokenIssuer, serving_issuer
from tests.waiting import wait_until

KUBECTL: Final = Path(sys.executable).with_name("kubectl")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server, an issuer that it trusts, and the file that says so."""

    server: ServerProcess
    issuer: TokenIssuer
    configuration: Path
    document: dict[str, Any]

    def configure(self, document: dict[str, Any]) -> None:
        """Change the file, and tell the server."""
        self.configuration.write_text(yaml.safe_dump(document))
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGHUP)

    def kubectl(self, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl with a token."""
        access = (f"--server={self.server.url}", f"--certificate-authority={self.server.ca}")
        return subprocess.run(
            [KUBECTL, "--kubeconfig=/dev/null", *access, f"--token={token}", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(self.server.directory)},
            capture_output=True,
            text=True,
            check=False,
        )

    def whoami(self, token: str) -> Any:
        """Return the user of a token, or what kubectl complains of."""
        done = self.kubectl(token, "auth", "whoami", "-ojson")
        return json.loads(done.stdout)["status"]["userInfo"] if not done.returncode else done.stderr


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("issuer")
    configuration = directory / "authentication.yaml"
    with serving_issuer(directory) as (issuer, certificate):
        document = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [
                {
                    "issuer": {
                        "url": issuer.url,
                        "audiences": [AUDIENCE],
                        "certificateAuthority": certificate.read_text(),
                    },
                    "claimMappings": {
                        "username": {"claim": "sub", "prefix": "oidc:"},
                        "groups": {"expression": "claims.?roles.orValue([])"},
                        "extra": [
                            {"key": "a.example/team", "valueExpression": "claims.?team.orValue('')"}
                        ],
                    },
                    "userValidationRules": [
                        {"expression": "!user.groups.exists(g, g.startsWith('system:'))"}
                    ],
                }
            ],
            "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}]},
        }
        configuration.write_text(yaml.safe_dump(document))
        flag = f"--authentication-config={configuration}"
        with running_server(directory / "server", "--storage=memory://", flag) as server:
            cluster = Cluster(server, issuer, configuration, document)
            wait_until(lambda: isinstance(cluster.whoami(issuer.token()), dict))
            yield cluster


def test_a_token_of_the_issuer_logs_in(cluster: Cluster) -> None:
    user = cluster.whoami(cluster.issuer.token(roles=["dev"], team="blue", jti="t1"))
    assert user == {
        "username": "oidc:jane",
        "groups": ["dev", "system:authenticated"],
        "extra": {
            "a.example/team": ["blue"],
            "authentication.kubernetes.io/credential-id": ["JTI=t1"],
        },
    }
    done = cluster.kubectl(cluster.issuer.token(), "get", "pods")
    assert 'User "oidc:jane" cannot list resource "pods"' in done.stderr


def test_a_new_key_of_the_issuer_counts_at_once(cluster: Cluster) -> None:
    cluster.issuer.keys.insert(0, SigningKey("rotated", "RS256"))
    assert cluster.whoami(cluster.issuer.token(sub="joe"))["username"] == "oidc:joe"


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"aud": "else"}, {"sub": 5}, {"roles": ["system:masters"]}]
)
def test_a_token_that_does_not_count_is_unauthorized(
    cluster: Cluster, claims: dict[str, Any]
) -> None:
    assert "Unauthorized" in cluster.whoami(cluster.issuer.token(**claims))


def curl(cluster: Cluster, path: str, *flags: str) -> str:
    """Return the status of a GET."""
    command = ["curl", "-s", "--cacert", str(cluster.server.ca), "-o", "/dev/null"]
    return subprocess.run(
        [*command, "-w", "%{http_code}", *flags, cluster.server.url + path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_only_the_configured_paths_are_for_all(cluster: Cluster) -> None:
    assert [curl(cluster, path) for path in ("/livez", "/readyz", "/livez/ping")] == [
        "200", "401", "401",
    ]  # fmt: skip


def test_damaged_tokens_are_unauthorized_and_nothing_else(cluster: Cluster) -> None:
    chance = random.Random(3)
    token = cluster.issuer.token()
    for _ in range(20):
        start, end = sorted(chance.sample(range(len(token)), 2))
        damaged = token[:start] + "".join(chance.choices("Az09-_.{", k=4)) + token[end:]
        status = curl(cluster, "/api", "-H", f"Authorization: Bearer {damaged}")
        assert status == "401"
    assert "Traceback" not in cluster.server.log


def test_the_file_is_followed_and_a_broken_one_ignored(cluster: Cluster) -> None:
    authenticator = cluster.document["jwt"][0]
    authenticator["claimMappings"]["username"]["prefix"] = "new:"
    cluster.configure(cluster.document)
    wait_until(lambda: "new:" in str(cluster.whoami(cluster.issuer.token())))
    cluster.configure({**cluster.document, "jwt": [{}]})
    wait_until(lambda: "the authentication configuration not reloaded" in cluster.server.log)
    cluster.configure({**cluster.document, "anonymous": None})
    wait_until(lambda: "changed from initial configuration file" in cluster.server.log)
    assert cluster.whoami(cluster.issuer.token(sub="ann"))["username"] == "new:ann"
