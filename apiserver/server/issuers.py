"""Issuers of tokens, from the flags ``--oidc-...`` or from an AuthenticationConfiguration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from apiserver.access.authentication.oidc.authentication_configuration import (
    AnonymousConfiguration,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimOrExpression,
    ClaimRule,
    Issuer,
    JWTAuthenticator,
    parse_authentication_configuration,
)
from apiserver.access.authentication.oidc.authentication_validation import compile_authenticators
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper
from apiserver.access.authentication.oidc.jwt_authenticators import JWTAuthenticators
from apiserver.access.configuration_files import ConfigurationError
from apiserver.access.loaded_files import LoadedFiles
from apiserver.machinery.valueclasses import valueclass
from apiserver.server.config import Config

_NO_PREFIX: Final = "-"


@valueclass
class ConfiguredIssuers:
    """The authenticators of issuers, and the files that they follow.

    Without ``anonymous`` the configuration says nothing about anonymous requests.
    """

    authenticators: JWTAuthenticators
    files: Sequence[LoadedFiles] = ()
    anonymous: AnonymousConfiguration | None = None


def configured_issuers(config: Config) -> ConfiguredIssuers:
    """Return the issuers of a configuration that has some. Raises ConfigurationError, OSError."""
    if config.authentication_config:
        return _issuers_of_file(config)
    configuration = AuthenticationConfiguration((_flagged_issuer(config),))
    mappers = compile_authenticators(configuration, config.service_account_issuer)
    return ConfiguredIssuers(JWTAuthenticators(mappers))


def _issuers_of_file(config: Config) -> ConfiguredIssuers:
    path, own = Path(config.authentication_config), config.service_account_issuer
    configuration, mappers = _read(path, own)
    anonymous = configuration.anonymous
    if anonymous is not None and config.anonymous_auth is not None:
        raise ConfigurationError(
            "--anonymous-auth flag cannot be set when anonymous field is configured in "
            "authentication configuration file"
        )
    authenticators = JWTAuthenticators(mappers)

    def reload() -> None:
        changed, found = _read(path, own)
        if changed.anonymous != anonymous:
            raise ConfigurationError(
                f"{path}: anonymous: Forbidden: changed from initial configuration file"
            )
        authenticators.replace(found)

    files = [LoadedFiles("the authentication configuration", [path], reload)]
    return ConfiguredIssuers(authenticators, files, anonymous)


def _read(
    path: Path, own_issuers: Sequence[str]
) -> tuple[AuthenticationConfiguration, Sequence[ClaimMapper]]:
    try:
        configuration = parse_authentication_configuration(path.read_bytes())
        return configuration, compile_authenticators(configuration, own_issuers)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _flagged_issuer(config: Config) -> JWTAuthenticator:
    url, claim = config.oidc_issuer_url, config.oidc_username_claim
    prefix = config.oidc_username_prefix
    if not prefix and claim != "email":
        # Names of an issuer must not be those of another, or the cluster's own.
        prefix = f"{url}#"
    elif prefix == _NO_PREFIX:
        prefix = ""
    mappings = ClaimMappings(ClaimOrExpression(claim, prefix))
    if config.oidc_groups_claim:
        groups = ClaimOrExpression(config.oidc_groups_claim, config.oidc_groups_prefix)
        mappings = replace(mappings, groups=groups)
    authority = Path(config.oidc_ca_file).read_text() if config.oidc_ca_file else ""
    return JWTAuthenticator(
        Issuer(url, certificate_authority=authority, audiences=(config.oidc_client_id,)),
        mappings,
        tuple(ClaimRule(name, value) for name, value in config.oidc_required_claim),
        algorithms=config.oidc_signing_algs,
    )
