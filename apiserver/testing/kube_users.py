"""KubeUser: the credentials of a user, and grants of rights."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from apiserver.testing.rest import RestClient

_RBAC: Final = "rbac.authorization.k8s.io"
_API: Final = f"/apis/{_RBAC}/v1"
_numbers = count(1)

_KUBECONFIG: Final = """\
apiVersion: v1
kind: Config
clusters:
- name: apiserver
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: {name}
  user:
    token: {token}
contexts:
- name: {name}
  context:
    cluster: apiserver
    user: {name}
    namespace: {namespace}
current-context: {name}
"""


@dataclass(frozen=True)
class KubeUser:
    """A user of a server; ``kubeconfig`` is the path of a file with the credentials."""

    name: str
    groups: tuple[str, ...]
    url: str
    token: str
    ca_file: Path
    kubeconfig: Path

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request as this user."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self) -> ApiClient:
        """Return a client of the official package ``kubernetes``, which must be installed."""
        from kubernetes.client import ApiClient, Configuration

        configuration = Configuration(host=self.url)
        configuration.ssl_ca_cert = str(self.ca_file)
        configuration.api_key = {"authorization": self.token}
        configuration.api_key_prefix = {"authorization": "Bearer"}
        return ApiClient(configuration)


def write_user_kubeconfig(
    path: Path, user: str, url: str, token: str, authority: bytes, namespace: str = "default"
) -> None:
    """Write a kubeconfig with a bearer token; ``authority`` is the CA in PEM."""
    encoded = b64encode(authority).decode()
    text = _KUBECONFIG.format(
        name=_quoted(user), url=url, token=token, authority=encoded, namespace=namespace
    )
    path.touch(mode=0o600)
    path.write_text(text)


def rules_of(can: Mapping[str, str | Iterable[str]]) -> list[dict[str, Any]]:
    """Return RBAC rules: ``{"pods": "get,list", "deployments.apps": ["*"]}``.

    Resources are named as in ``kubectl auth can-i``: without a group they are those of the core
    API. ``*`` is every resource of every group.
    """
    rules = []
    for whole, verbs in can.items():
        path, _, subresource = whole.partition("/")
        resource, _, group = path.partition(".")
        rules.append({
            "apiGroups": ["*" if resource == "*" and not group else group],
            "resources": [f"{resource}/{subresource}" if subresource else resource],
            "verbs": _listed(verbs),
        })  # fmt: skip
    return rules


def grant(
    rest: RestClient, user: str, rules: Sequence[Mapping[str, Any]], namespace: str = ""
) -> None:
    """Allow a user what ``rules`` say, in one namespace or in the whole cluster."""
    prefix = "" if namespace else "Cluster"
    name = f"testing:{user}:{next(_numbers)}"
    where = f"{_API}/namespaces/{namespace}" if namespace else _API
    role, binding = f"{prefix}Role", f"{prefix}RoleBinding"
    head = {"apiVersion": f"{_RBAC}/v1", "metadata": {"name": name}}
    rest.request("POST", f"{where}/{role.lower()}s", {**head, "kind": role, "rules": list(rules)})
    bound = {
        **head,
        "kind": binding,
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": name},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": user}],
    }
    rest.request("POST", f"{where}/{binding.lower()}s", bound)


def _listed(verbs: str | Iterable[str]) -> list[str]:
    return [verb.strip() for verb in verbs.split(",")] if isinstance(verbs, str) else list(verbs)


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
