"""Authorizers of an AuthorizationConfiguration, webhooks among them, which follow its file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from apiserver.access.authorization.authorization_configuration import (
    AuthorizationConfiguration,
    AuthorizerSettings,
    ConnectionInfo,
    WebhookSettings,
    parse_authorization_configuration,
)
from apiserver.access.authorization.authorization_validation import check_authorizers
from apiserver.access.authorization.authorizer import Authorizer, Verdict
from apiserver.access.authorization.modes import ALWAYS, WEBHOOK
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.authorization.webhook_authorizer import WebhookAuthorizer, WebhookPolicy
from apiserver.access.configuration_files import ConfigurationError
from apiserver.access.loaded_files import LoadedFiles
from apiserver.client.kubeconfig_file import KubeconfigError, load_kubeconfig
from apiserver.client.review_webhook import ReviewWebhook
from apiserver.server.config import Config

if TYPE_CHECKING:
    from apiserver.access.authorization.review_conditions import ReviewConditions

_GROUP, _KIND = "authorization.k8s.io", "SubjectAccessReview"
_TIMEOUT: Final = 30.0


class ConfiguredAuthorizers:
    """The authorizers of a configuration, and the compiled conditions of each."""

    def __init__(
        self,
        configuration: AuthorizationConfiguration,
        conditions: Sequence[ReviewConditions | None] = (),
        *,
        request_timeout: float = 0.0,
    ) -> None:
        """Make the webhooks. Raises ConfigurationError and OSError.

        After ``request_timeout``, in seconds, no request uses those of a previous configuration.
        """
        self.types = [each.type for each in configuration.authorizers]
        self.files: Sequence[LoadedFiles] = ()
        self._chain = _authorizers(configuration, conditions)
        self._request_timeout = request_timeout
        self._stored: Mapping[str, Authorizer] = {}
        self._union = UnionAuthorizer([])
        #: By the task that closes them after a while, the webhooks of previous configurations.
        self._closing: dict[asyncio.Task[None], Sequence[Authorizer | str]] = {}

    @classmethod
    def of_file(cls, path: Path, request_timeout: float) -> Self:
        """Return the authorizers of a file. Raises ConfigurationError and OSError."""
        found = cls(*_read(path), request_timeout=request_timeout)
        name = "the authorization configuration"
        found.files = [LoadedFiles(name, [path], lambda: found.reload(path))]
        return found

    def build(self, stored: Mapping[str, Authorizer]) -> UnionAuthorizer:
        """Return the authorizer; ``stored`` are those that decide by stored objects."""
        self._stored = {**ALWAYS, **stored}
        self._union.replace(self._resolved(self._chain))
        return self._union

    def reload(self, path: Path) -> None:
        """Read the file again. Raises ConfigurationError and OSError, keeping the old content."""
        configuration, conditions = _read(path)
        types = [each.type for each in configuration.authorizers]
        if {*types} - {WEBHOOK} != {*self.types} - {WEBHOOK}:
            needed = ", ".join(sorted({*self.types} - {WEBHOOK}))
            raise ConfigurationError(
                f"{path}: types of authorizers besides webhooks cannot change: {needed}"
            )
        chain = _authorizers(configuration, conditions)
        previous, self._chain = self._chain, chain
        self._union.replace(self._resolved(chain))
        task = asyncio.create_task(self._close_later(previous), name="close-webhooks")
        self._closing[task] = previous

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections of all webhooks at the end of the block."""
        try:
            yield
        finally:
            for task in self._closing:
                task.cancel()
            await asyncio.gather(*self._closing, return_exceptions=True)
            for chain in (*self._closing.values(), self._chain):
                await _close(chain)

    async def _close_later(self, chain: Sequence[Authorizer | str]) -> None:
        await asyncio.sleep(self._request_timeout)
        await _close(chain)
        self._closing = {task: each for task, each in self._closing.items() if each is not chain}

    def _resolved(self, chain: Sequence[Authorizer | str]) -> list[Authorizer]:
        return [self._stored[each] if isinstance(each, str) else each for each in chain]


def flagged_configuration(config: Config) -> AuthorizationConfiguration:
    """Return the configuration that the flags ``--authorization-...`` describe."""
    allowed = config.authorization_webhook_cache_authorized_ttl
    refused = config.authorization_webhook_cache_unauthorized_ttl
    webhook = WebhookSettings(
        timeout=_TIMEOUT,
        authorized_ttl=allowed,
        unauthorized_ttl=refused,
        review_version=config.authorization_webhook_version,
        connection=ConnectionInfo("KubeConfigFile", config.authorization_webhook_config_file),
    )
    return AuthorizationConfiguration(
        tuple(
            AuthorizerSettings(mode, mode.lower(), webhook if mode == WEBHOOK else None)
            for mode in config.authorization_modes
        )
    )


def _read(
    path: Path,
) -> tuple[AuthorizationConfiguration, Sequence[ReviewConditions | None]]:
    try:
        configuration = parse_authorization_configuration(path.read_bytes())
        return configuration, check_authorizers(configuration)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _authorizers(
    configuration: AuthorizationConfiguration, conditions: Sequence[ReviewConditions | None]
) -> list[Authorizer | str]:
    """Return the webhooks, and the types of the other authorizers, in order."""
    return [
        each.type if each.webhook is None else _webhook(each.webhook, compiled)
        for each, compiled in zip_longest(configuration.authorizers, conditions)
    ]


def _webhook(settings: WebhookSettings, conditions: ReviewConditions | None) -> WebhookAuthorizer:
    try:
        connection = load_kubeconfig(Path(settings.connection.kubeconfig_file or ""))
    except KubeconfigError as error:
        raise ConfigurationError(str(error)) from error
    first = settings.review_version
    versions = (first, *({"v1", "v1beta1"} - {first}))
    reviewer = ReviewWebhook(connection, _KIND, _GROUP, versions, timeout=settings.timeout)
    policy = WebhookPolicy(
        settings.authorized_ttl if settings.cache_authorized else 0.0,
        settings.unauthorized_ttl if settings.cache_unauthorized else 0.0,
        Verdict.DENY if settings.failure_policy == "Deny" else Verdict.NO_OPINION,
    )
    return WebhookAuthorizer(reviewer, policy, conditions)


async def _close(chain: Sequence[Authorizer | str]) -> None:
    for each in chain:
        if isinstance(each, WebhookAuthorizer):
            await each.close()
