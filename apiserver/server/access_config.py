"""Builds authentication and authorization from the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from apiserver.access.access import Access
from apiserver.access.authentication.authenticator import RequestAuthenticator, TokenAuthenticator
from apiserver.access.authentication.bootstrap_tokens import BootstrapTokens
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.access.authorization.modes import ALWAYS_ALLOW, NODE, RBAC
from apiserver.access.authorization.node_authorizer import NodeAuthorizer
from apiserver.access.authorization.node_graph import NodeGraph
from apiserver.access.authorization.policy_rules import CompiledRules
from apiserver.access.authorization.rbac_authorizer import RBACAuthorizer
from apiserver.access.authorization.rbac_index import RBACIndex
from apiserver.access.serviceaccounts.token_keys import (
    KeyRing,
    UnusableKey,
    check_pem,
    new_private_pem,
)
from apiserver.access.serviceaccounts.tokens import Label, ServiceAccountTokens, TokenPolicy
from apiserver.client.client import Client
from apiserver.machinery.builtin_resources import SECRETS
from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.registry.loopback import system_client
from apiserver.registry.registry import Registry
from apiserver.resources.builtin.rbac.bootstrap import node_rules
from apiserver.server.authentication_config import token_authentication
from apiserver.server.authorization_config import configured_authorizers
from apiserver.server.config import Config
from apiserver.server.files import exclusive, make_directory, write_private

log = logging.getLogger(__name__)

KEY_NAME: Final = "service-account.key"


class KeyFileError(Exception):
    """A file holds no key that can sign or verify service account tokens."""


def access_factory(config: Config) -> Callable[[Registry], Access]:
    """Read the files of keys, tokens and rules; return what builds the Access of a registry.

    Raises KeyFileError, TokenFileError, ConfigurationError and OSError.
    """
    keys = _key_ring(config)
    authorizers = configured_authorizers(config)
    given = token_authentication(config, allows_all=ALWAYS_ALLOW in authorizers.types)
    issuers = config.service_account_issuer
    policy = TokenPolicy(
        issuers,
        config.audiences,
        longest=int(config.service_account_max_token_expiration),
        extends=config.service_account_extend_token_expiration,
    )

    def build_access(registry: Registry) -> Access:
        tokens = ServiceAccountTokens(
            keys,
            policy,
            registry.reader,
            registry.store.wait_until_fresh,
            label=_labelling(system_client(registry)),
        )
        bootstrap: list[TokenAuthenticator] = []
        if config.enable_bootstrap_token_auth:
            refresh = registry.store.wait_until_fresh
            bootstrap.append(BootstrapTokens(registry.reader, refresh))
        authenticator = RequestAuthenticator(
            [*given.first, tokens, *bootstrap, *given.last],
            anonymous=given.anonymous,
            anonymous_paths=given.anonymous_paths,
            front_proxy=given.front_proxy,
            audiences=policy.audiences,
        )
        index = RBACIndex()
        graph = NodeGraph() if NODE in authorizers.types else None
        stored: dict[str, Authorizer] = {RBAC: RBACAuthorizer(index, registry.reader)}
        if graph is not None:
            stored[NODE] = NodeAuthorizer(graph, CompiledRules(node_rules()))
        return Access(
            authenticator,
            authorizers.build(stored),
            tokens,
            index,
            graph,
            config.service_account_jwks_uri,
            [*given.files, *authorizers.files],
            [*given.services, authorizers.running],
        )

    return build_access


def _labelling(client: Client) -> Label:
    async def label(secret: Object, labels: Mapping[str, str]) -> None:
        metadata = {"uid": secret["metadata"]["uid"], "labels": labels}
        try:
            await client.patch(
                SECRETS, namespace_of(secret), name_of(secret), {"metadata": metadata}
            )
        except StatusError as error:
            # The token is valid all the same.
            name = name_of(secret)
            log.warning("the use of a token is not noted in Secret %s: %s", name, error)

    return label


def load_or_create_key(directory: Path) -> Path:
    """Return the path of the key in ``directory``; create the key if it is missing."""
    path = directory / KEY_NAME
    if not path.is_file():
        make_directory(directory)
        with exclusive(directory):
            if not path.is_file():
                write_private(path, new_private_pem())
    return path


def _key_ring(config: Config) -> KeyRing:
    given = config.service_account_signing_key_file
    signing = _read(Path(given) if given else load_or_create_key(config.cert_dir), private=True)
    verification = [_read(Path(path), private=False) for path in config.service_account_key_file]
    return KeyRing(signing, verification)


def _read(path: Path, *, private: bool) -> bytes:
    pem = path.read_bytes()
    try:
        check_pem(pem, private=private)
    except UnusableKey as error:
        raise KeyFileError(f"{path}: {error}") from error
    return pem
