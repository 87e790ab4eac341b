"""Loads the configuration: the flags, their defaults, and checks of their combinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from apiserver.access.authentication.signed_tokens import SIGNING_ALGORITHMS
from apiserver.access.authorization.modes import MODES, WEBHOOK
from apiserver.controllers.controller_names import unknown_controllers
from apiserver.server.audit_flags import load_audit_flags
from apiserver.server.ciphers import CIPHER_SUITES, VERSIONS
from apiserver.server.config import Config, ConfigError
from apiserver.server.emulated_version import emulated_minor
from apiserver.server.flag_fields import (
    Address,
    Boolean,
    Duration,
    NameList,
    Network,
    Pairs,
    PortRange,
    Text,
    Urls,
    count_field,
    no_choice,
    port_field,
    version_field,
)

_JSON: Final = "application/json"
_MIN_EXPIRATION: Final = 3600
_MAX_EXPIRATION: Final = 1 << 32

#: Flags that have no meaning without another one.
_NEEDS: Final = (
    ("tls_cert_file", "tls_private_key_file"),
    ("tls_private_key_file", "tls_cert_file"),
    ("etcd_certfile", "etcd_keyfile"),
    ("etcd_keyfile", "etcd_certfile"),
    ("cluster_signing_cert_file", "cluster_signing_key_file"),
    ("cluster_signing_key_file", "cluster_signing_cert_file"),
    ("encryption_provider_config_automatic_reload", "encryption_provider_config"),
)


class ConfigSchema(Schema):
    """The flags, with defaults and valid values."""

    class Meta:
        """Unknown flags are reported by the command line parser."""

        unknown = EXCLUDE

    storage = Text(load_default="")
    etcd_servers = Urls(load_default=())
    allow_empty_database = Boolean(load_default=False)
    etcd_prefix = fields.String(
        load_default="/registry", validate=validate.Regexp(".*[^/]", error="must name something")
    )
    encryption_provider_config = Text(load_default="")
    encryption_provider_config_automatic_reload = Boolean(load_default=False)
    etcd_cafile = Text(load_default="")
    etcd_certfile = Text(load_default="")
    etcd_keyfile = Text(load_default="")
    bind_address = Address(load_default="127.0.0.1")
    secure_port = port_field()
    advertise_address = Address(load_default="")
    cert_dir = Text(load_default="")
    cluster_signing_cert_file = Text(load_default="")
    cluster_signing_key_file = Text(load_default="")
    cluster_signing_duration = Duration(load_default=365 * 86_400.0)
    data_dir = Text(load_default=".apiserver")
    tls_cert_file = Text(load_default="")
    tls_private_key_file = Text(load_default="")
    tls_san = NameList(load_default=())
    tls_min_version = fields.String(
        load_default="", validate=validate.OneOf(["", *VERSIONS], error=no_choice(VERSIONS))
    )
    tls_cipher_suites = NameList(load_default=(), of=tuple(CIPHER_SUITES))
    client_ca_file = Text(load_default="")
    requestheader_client_ca_file = Text(load_default="")
    requestheader_allowed_names = NameList(load_default=())
    requestheader_username_headers = NameList(load_default=("x-remote-user",))
    requestheader_uid_headers = NameList(load_default=())
    requestheader_group_headers = NameList(load_default=("x-remote-group",))
    requestheader_extra_headers_prefix = NameList(load_default=("x-remote-extra-",))
    token_auth_file = Text(load_default="")
    anonymous_auth = Boolean(load_default=None)
    enable_bootstrap_token_auth = Boolean(load_default=False)
    authentication_config = Text(load_default="")
    authentication_token_webhook_config_file = Text(load_default="")
    authentication_token_webhook_version = version_field()
    authentication_token_webhook_cache_ttl = Duration(load_default=120.0, least=0.0)
    oidc_issuer_url = Text(load_default="")
    oidc_client_id = Text(load_default="")
    oidc_ca_file = Text(load_default="")
    oidc_username_claim = Text(load_default="sub")
    oidc_username_prefix = Text(load_default="")
    oidc_groups_claim = Text(load_default="")
    oidc_groups_prefix = Text(load_default="")
    oidc_required_claim = Pairs(load_default=())
    oidc_signing_algs = NameList(load_default=("RS256",), of=SIGNING_ALGORITHMS)
    authorization_mode = NameList(load_default=(), of=MODES)
    authorization_config = Text(load_default="")
    authorization_webhook_config_file = Text(load_default="")
    authorization_webhook_version = version_field()
    authorization_webhook_cache_authorized_ttl = Duration(load_default=300.0, least=0.0)
    authorization_webhook_cache_unauthorized_ttl = Duration(load_default=30.0, least=0.0)
    service_cluster_ip_range = Network(load_default="10.0.0.0/24")
    service_node_port_range = PortRange(load_default=(30000, 32767))
    service_account_issuer = NameList(load_default=("https://kubernetes.default.svc",))
    service_account_key_file = NameList(load_default=())
    service_account_signing_key_file = Text(load_default="")
    service_account_max_token_expiration = Duration(load_default=0.0, least=0.0)
    service_account_extend_token_expiration = Boolean(load_default=True)
    service_account_jwks_uri = Text(load_default="")
    api_audiences = NameList(load_default=())
    admission_control_config_file = Text(load_default="")
    enable_admission_plugins = NameList(load_default=())
    disable_admission_plugins = NameList(load_default=())
    allow_privileged = Boolean(load_default=False)
    controllers = NameList(load_default=("*",))
    enable_garbage_collector = Boolean(load_default=True)
    event_ttl = Duration(load_default=3600.0)
    etcd_compaction_interval = Duration(load_default=300.0, least=0.0)
    request_timeout = Duration(load_default=60.0)
    max_requests_inflight = count_field(400, 0)
    max_mutating_requests_inflight = count_field(200, 0)
    enable_priority_and_fairness = Boolean(load_default=True)
    shutdown_delay_duration = Duration(load_default=0.0, least=0.0)
    permit_port_sharing = Boolean(load_default=False)
    workers = count_field(1, 1)
    verbosity = count_field(0, 0)
    emulated_version = NameList(load_default=())
    storage_backend = fields.String(
        load_default="etcd3", validate=validate.Equal("etcd3", error="must be etcd3")
    )
    storage_media_type = fields.String(
        load_default=_JSON,
        validate=validate.Equal(_JSON, error=f"must be {_JSON}: objects are stored as that"),
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Config:
        """Return a Config of the validated flags. Raises ValidationError and ConfigError."""
        try:
            data["emulated"] = emulated_minor(data.pop("emulated_version"))
        except ValueError as error:
            raise ConfigError(str(error)) from error
        del data["storage_backend"], data["storage_media_type"]
        data["etcd_prefix"] = "/" + data["etcd_prefix"].strip("/")
        data_dir = Path(data["data_dir"] or ".apiserver")
        data["data_dir"] = data_dir
        data["cert_dir"] = Path(data["cert_dir"] or data_dir / "certificates")
        return Config(**data)


def load_config(given: Mapping[str, Any]) -> Config:
    """Validate flags, named in Python's spelling. Raises ConfigError."""
    try:
        config: Config = ConfigSchema().load(given)
        config = replace(config, audit=load_audit_flags(given))
    except ValidationError as error:
        name, problems = next(iter(error.messages_dict.items()))
        value = given.get(name, "")
        shown = ",".join(value) if isinstance(value, list) else str(value)
        flag = "v" if name == "verbosity" else _spelled(name)
        raise ConfigError(f'invalid argument "{shown}" for "--{flag}": {problems[0]}') from error
    _check_together(config)
    return config


def _check_together(config: Config) -> None:
    if config.storage and config.etcd_servers:
        raise ConfigError("--storage and --etcd-servers exclude each other")
    _check_plugins(config)
    _check_needed(config)
    unknown = unknown_controllers(config.controllers)
    if unknown:
        raise ConfigError(f'--controllers: "{unknown[0]}" is not in the list of known controllers')
    longest = config.service_account_max_token_expiration
    if longest and not _MIN_EXPIRATION <= longest <= _MAX_EXPIRATION:
        raise ConfigError(
            "--service-account-max-token-expiration must be between 1h and 2^32 seconds"
        )
    if config.workers > 1 and not config.uses_etcd:
        raise ConfigError(
            f"--workers={config.workers} needs --etcd-servers: "
            "a store in memory or in SQLite belongs to one process"
        )
    _check_issuers(config)
    _check_authorization(config)
    for flag in ("tls_cert_file", "tls_private_key_file", "client_ca_file", "token_auth_file",
                 "requestheader_client_ca_file",
                 "authentication_config", "oidc_ca_file", "authorization_config",
                 "authorization_webhook_config_file", "admission_control_config_file",
                 "authentication_token_webhook_config_file",
                 "etcd_cafile", "etcd_certfile", "etcd_keyfile", "service_account_key_file",
                 "service_account_signing_key_file", "encryption_provider_config",
                 "cluster_signing_cert_file", "cluster_signing_key_file"):  # fmt: skip
        value = getattr(config, flag)
        for path in [value] if isinstance(value, str) else value:
            if path and not Path(path).is_file():
                raise ConfigError(f'"--{_spelled(flag)}": {path}: no such file')


def _check_needed(config: Config) -> None:
    for flag, needed in _NEEDS:
        if getattr(config, flag) and not getattr(config, needed):
            raise ConfigError(f"--{_spelled(flag)} needs --{_spelled(needed)}")


def _spelled(name: str) -> str:
    return name.replace("_", "-")


def _check_issuers(config: Config) -> None:
    issuer, client = config.oidc_issuer_url, config.oidc_client_id
    if config.authentication_config and (issuer or client):
        raise ConfigError("authentication-config file and oidc-* flags are mutually exclusive")
    if bool(issuer) != bool(client):
        raise ConfigError(
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags "
            "are set"
        )


def _check_authorization(config: Config) -> None:
    webhook = config.authorization_webhook_config_file
    if config.authorization_config and (config.authorization_mode or webhook):
        raise ConfigError(
            "--authorization-config can not be specified when --authorization-mode or "
            "--authorization-webhook-* flags are defined"
        )
    if WEBHOOK in config.authorization_mode and not webhook:
        raise ConfigError("authorization-mode Webhook's authorization config file not passed")
    if webhook and WEBHOOK not in config.authorization_mode:
        raise ConfigError("cannot specify --authorization-webhook-config-file without mode Webhook")


def _check_plugins(config: Config) -> None:
    enable, disable = config.enable_admission_plugins, config.disable_admission_plugins
    if not enable and not disable:
        return
    # Importing the plugins is slow; it is done only if names have to be validated.
    from apiserver.access.admission.enabled_plugins import PluginFlagError, enabled_plugins

    try:
        enabled_plugins(enable, disable)
    except PluginFlagError as error:
        raise ConfigError(str(error)) from error
