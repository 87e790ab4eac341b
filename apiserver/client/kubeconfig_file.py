"""Kubeconfig files that lead to a webhook: the cluster is the webhook, the user is this server.

Programs that make credentials (``exec`` and ``auth-provider``) are not run.
"""

from __future__ import annotations

import binascii
import os
import ssl
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from apiserver.client.bearer_token_file import BearerTokenFile
from apiserver.client.webhook import NO_CREDENTIALS, Credentials, WebhookClientConfig
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_yaml
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

T = TypeVar("T")

_PROGRAMS: Final = ("exec", "auth-provider")


class KubeconfigError(ValueError):
    """A kubeconfig file does not lead to a server."""


@valueclass
class KubeconfigConnection:
    """A server, and the credentials for it."""

    server: WebhookClientConfig
    credentials: Credentials


def load_kubeconfig(path: Path) -> KubeconfigConnection:
    """Return the connection of the current context. Raises KubeconfigError and OSError."""
    return _read(path, _Kubeconfig.connection)


def load_users(path: Path) -> Callable[[str], Credentials]:
    """Return what finds the credentials for an address ``host:port`` among the users of a file.

    A user has the name of the address, or of the host if the port is 443, or stars for the first
    labels of it: ``*.example.com``, ``*``. All other addresses get the user of the current context,
    if there is one. Raises KubeconfigError and OSError.
    """
    users, default = _read(path, _Kubeconfig.users)
    return lambda address: next(
        (users[name] for name in _names_of(address) if name in users), default
    )


def _read(path: Path, use: Callable[[_Kubeconfig], T]) -> T:
    """Return what ``use`` makes of a file. Raises KubeconfigError and OSError."""
    try:
        document, _ = parse_yaml(path.read_bytes())
        return use(_Kubeconfig(document, path))
    except (KubeconfigError, DocumentError, RequestEntityTooLarge, ssl.SSLError) as error:
        raise KubeconfigError(f"{path}: {error}") from error
    except (AttributeError, TypeError) as error:
        raise KubeconfigError(f"{path}: a member has the wrong type: {error}") from error


def _names_of(address: str) -> Iterator[str]:
    host = address.removesuffix(":443")
    for name in (address, host) if host != address else (address,):
        yield name
    for name in (address, host) if host != address else (address,):
        labels = name.split(".")
        yield from (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
    yield "*"


class _Kubeconfig:
    def __init__(self, document: Any, path: Path) -> None:
        self._document = document if isinstance(document, dict) else {}
        self._directory = path.parent

    def connection(self) -> KubeconfigConnection:
        name = self._document.get("current-context")
        if not name:
            raise KubeconfigError("invalid configuration: no configuration has been provided")
        context = self._named("contexts", "context", name)
        cluster = self._named("clusters", "cluster", context.get("cluster"))
        user = self._named("users", "user", context["user"]) if context.get("user") else {}
        server = cluster.get("server")
        if not isinstance(server, str) or not server:
            raise KubeconfigError("invalid configuration: no server found for cluster")
        authority = self._content(cluster, "certificate-authority")
        config = WebhookClientConfig(url=server, ca_bundle=authority.decode("latin-1"))
        return KubeconfigConnection(config, self._credentials(cluster, user))

    def users(self) -> tuple[dict[str, Credentials], Credentials]:
        """Return the credentials of all users by name, and those of the current context."""
        users = {
            str(each.get("name") or ""): self._credentials({}, each.get("user") or {})
            for each in self._document.get("users") or ()
        }
        name = self._document.get("current-context")
        if not name:
            return users, NO_CREDENTIALS
        context = self._named("contexts", "context", name)
        return users, users.get(context.get("user") or "", NO_CREDENTIALS)

    def _credentials(self, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Credentials:
        for member in _PROGRAMS:
            if user.get(member):
                raise KubeconfigError(f"credentials by {member} are not supported")
        certificate = self._content(user, "client-certificate")
        key = self._content(user, "client-key")
        if bool(certificate) != bool(key):
            raise KubeconfigError("client-certificate and client-key need each other")
        insecure = cluster.get("insecure-skip-tls-verify") is True

        def load(context: ssl.SSLContext) -> None:
            if insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if certificate:
                with _files(certificate, key) as paths:
                    context.load_cert_chain(*paths)

        # A certificate that cannot be used is an error of the file, not of every call.
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        server_name = cluster.get("tls-server-name") or ""
        return Credentials(_authorization(user), load, server_name, self._token_file(user))

    def _token_file(self, user: Mapping[str, Any]) -> BearerTokenFile | None:
        if not user.get("tokenFile"):
            return None
        try:
            return BearerTokenFile(self._directory / user["tokenFile"])
        except ValueError as error:
            raise KubeconfigError(str(error)) from error

    def _named(self, section: str, member: str, name: Any) -> Mapping[str, Any]:
        for each in self._document.get(section) or ():
            if isinstance(each, dict) and each.get("name") == name:
                found = each.get(member)
                return found if isinstance(found, dict) else {}
        raise KubeconfigError(f"{member} {quote(str(name or ''))} does not exist")

    def _content(self, where: Mapping[str, Any], member: str) -> bytes:
        """Return what a member names as a file, or its ``-data`` has."""
        data, file = where.get(f"{member}-data"), where.get(member)
        if data:
            try:
                return b64decode(data, validate=True)
            except (binascii.Error, TypeError, ValueError) as error:
                raise KubeconfigError(f"{member}-data: {error}") from error
        return (self._directory / file).read_bytes() if file else b""


def _authorization(user: Mapping[str, Any]) -> str:
    if user.get("token"):
        return f"Bearer {user['token']}"
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return ""


@contextmanager
def _files(*contents: bytes) -> Iterator[list[str]]:
    """Yield the paths of files with these contents: the TLS library reads nothing else."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, str(index)) for index in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            Path(path).write_bytes(content)
        yield paths
