"""The authenticators of tokens that know no stored objects, built from flags and files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from apiserver.access.access import Service
from apiserver.access.authentication.authenticator import TokenAuthenticator
from apiserver.access.authentication.front_proxy import FrontProxy
from apiserver.access.authentication.token_file import read_token_file
from apiserver.access.loaded_files import LoadedFiles
from apiserver.server.config import Config

_GROUP, _KIND = "authentication.k8s.io", "TokenReview"
_WEBHOOK_TIMEOUT: Final = 30.0


@dataclass(slots=True)
class TokenAuthentication:
    """Authenticators that are asked before, and after, that of service accounts.

    ``anonymous`` and ``anonymous_paths`` say which requests without credentials are served.
    """

    anonymous: bool
    anonymous_paths: Collection[str] = ()
    front_proxy: FrontProxy | None = None
    first: list[TokenAuthenticator] = field(default_factory=list)
    last: list[TokenAuthenticator] = field(default_factory=list)
    files: list[LoadedFiles] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)


def token_authentication(config: Config, *, allows_all: bool) -> TokenAuthentication:
    """Read the files of a configuration. Raises ConfigurationError, TokenFileError and OSError.

    ``allows_all``: all authenticated requests are allowed, so none are served anonymously.
    """
    given = TokenAuthentication(anonymous=config.anonymous_auth is not False)
    if config.token_auth_file:
        path = Path(config.token_auth_file)
        static = read_token_file(path)
        given.first.append(static)
        given.files.append(LoadedFiles("the token file", [path], lambda: static.reload(path)))
    if config.requestheader_client_ca_file:
        from apiserver.server.front_proxies import front_proxy

        given.front_proxy, files = front_proxy(config)
        given.files.append(files)
    if config.authentication_config or config.oidc_issuer_url:
        _add_issuers(config, given)
    if config.authentication_token_webhook_config_file:
        _add_webhook(config, given)
    given.anonymous = given.anonymous and not allows_all
    return given


def _add_issuers(config: Config, given: TokenAuthentication) -> None:
    # Imported here: few servers know issuers of their own.
    from apiserver.server.issuers import configured_issuers

    issuers = configured_issuers(config)
    if issuers.anonymous is not None:
        given.anonymous = issuers.anonymous.enabled
        given.anonymous_paths = frozenset(issuers.anonymous.conditions)
    given.last.append(issuers.authenticators)
    given.files += issuers.files
    given.services.append(issuers.authenticators.running)


def _add_webhook(config: Config, given: TokenAuthentication) -> None:
    from apiserver.access.authentication.webhook_tokens import WebhookTokens
    from apiserver.access.configuration_files import ConfigurationError
    from apiserver.client.kubeconfig_file import KubeconfigError, load_kubeconfig
    from apiserver.client.review_webhook import ReviewWebhook

    try:
        connection = load_kubeconfig(Path(config.authentication_token_webhook_config_file))
    except KubeconfigError as error:
        raise ConfigurationError(str(error)) from error
    first = config.authentication_token_webhook_version
    versions = (first, *({"v1", "v1beta1"} - {first}))
    reviewer = ReviewWebhook(connection, _KIND, _GROUP, versions, timeout=_WEBHOOK_TIMEOUT)
    seconds = config.authentication_token_webhook_cache_ttl
    tokens = WebhookTokens(reviewer, config.audiences, seconds)
    given.last.append(tokens)
    given.services.append(tokens.running)
