"""The authorizers of a server, from the flags ``--authorization-...`` or from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from apiserver.access.authorization.authorizer import Authorizer
from apiserver.access.authorization.modes import WEBHOOK, authorizer_of
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.loaded_files import LoadedFiles
from apiserver.machinery.valueclasses import valueclass
from apiserver.server.config import Config


class Authorizers(Protocol):
    """The authorizers of a server, before the stored objects are known."""

    @property
    def types(self) -> Sequence[str]:
        """Their types, in order."""
        ...

    @property
    def files(self) -> Sequence[LoadedFiles]:
        """The files that they follow."""
        ...

    def build(self, stored: Mapping[str, Authorizer]) -> UnionAuthorizer:
        """Return the authorizer; ``stored`` are those that decide by stored objects, by type."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Return what keeps their connections open."""
        ...


@valueclass
class ModeAuthorizers:
    """The authorizers of modes that need no configuration."""

    types: Sequence[str]
    files: Sequence[LoadedFiles] = ()

    def build(self, stored: Mapping[str, Authorizer]) -> UnionAuthorizer:
        return authorizer_of(self.types, stored)

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


def configured_authorizers(config: Config) -> Authorizers:
    """Return the authorizers of a configuration. Raises ConfigurationError and OSError."""
    modes = config.authorization_modes
    if not config.authorization_config and WEBHOOK not in modes:
        return ModeAuthorizers(modes)
    # Imported here: few servers have webhooks.
    from apiserver.server.webhook_authorizers import ConfiguredAuthorizers, flagged_configuration

    if config.authorization_config:
        return ConfiguredAuthorizers.of_file(
            Path(config.authorization_config), config.request_timeout
        )
    return ConfiguredAuthorizers(flagged_configuration(config))
