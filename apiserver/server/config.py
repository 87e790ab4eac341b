"""Config: the validated command line as one frozen value."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from apiserver.access.authentication.signed_tokens import SIGNING_ALGORITHMS
from apiserver.access.authorization.modes import MODES, RBAC, WEBHOOK
from apiserver.controllers.controller_names import unknown_controllers
from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.resources.allocation import ServiceRanges
from apiserver.server.audit_flags import NO_AUDIT, AuditFlags, load_audit_flags
from apiserver.server.ciphers import CIPHER_SUITES, VERSIONS
from apiserver.server.emulated_version import emulated_minor
from storage.open import without_credentials

_TRUE: Final = frozenset(["1", "t", "true"])
_FALSE: Final = frozenset(["0", "f", "false"])
_JSON: Final = "application/json"
_LEAST_EXPIRATION: Final = 3600
_MOST_EXPIRATION: Final = 1 << 32

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


class ConfigError(Exception):
    """A flag has an invalid value; the message names both."""


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of a server."""

    storage: str
    etcd_servers: tuple[str, ...]
    etcd_prefix: str
    allow_empty_database: bool
    encryption_provider_config: str
    encryption_provider_config_automatic_reload: bool
    etcd_cafile: str
    etcd_certfile: str
    etcd_keyfile: str
    bind_address: str
    secure_port: int
    advertise_address: str
    cert_dir: Path
    cluster_signing_cert_file: str
    cluster_signing_key_file: str
    cluster_signing_duration: float
    data_dir: Path
    tls_cert_file: str
    tls_private_key_file: str
    tls_san: tuple[str, ...]
    tls_min_version: str
    tls_cipher_suites: tuple[str, ...]
    client_ca_file: str
    requestheader_client_ca_file: str
    requestheader_allowed_names: tuple[str, ...]
    requestheader_username_headers: tuple[str, ...]
    requestheader_uid_headers: tuple[str, ...]
    requestheader_group_headers: tuple[str, ...]
    requestheader_extra_headers_prefix: tuple[str, ...]
    token_auth_file: str
    anonymous_auth: bool | None
    authentication_config: str
    enable_bootstrap_token_auth: bool
    authentication_token_webhook_config_file: str
    authentication_token_webhook_version: str
    authentication_token_webhook_cache_ttl: float
    oidc_issuer_url: str
    oidc_client_id: str
    oidc_ca_file: str
    oidc_username_claim: str
    oidc_username_prefix: str
    oidc_groups_claim: str
    oidc_groups_prefix: str
    oidc_required_claim: tuple[tuple[str, str], ...]
    oidc_signing_algs: tuple[str, ...]
    authorization_mode: tuple[str, ...]
    authorization_config: str
    authorization_webhook_config_file: str
    authorization_webhook_version: str
    authorization_webhook_cache_authorized_ttl: float
    authorization_webhook_cache_unauthorized_ttl: float
    service_cluster_ip_range: str
    service_node_port_range: tuple[int, int]
    service_account_issuer: tuple[str, ...]
    service_account_key_file: tuple[str, ...]
    service_account_signing_key_file: str
    service_account_max_token_expiration: float
    service_account_extend_token_expiration: bool
    service_account_jwks_uri: str
    api_audiences: tuple[str, ...]
    admission_control_config_file: str
    enable_admission_plugins: tuple[str, ...]
    disable_admission_plugins: tuple[str, ...]
    allow_privileged: bool
    controllers: tuple[str, ...]
    enable_garbage_collector: bool
    event_ttl: float
    etcd_compaction_interval: float
    request_timeout: float
    max_requests_inflight: int
    max_mutating_requests_inflight: int
    enable_priority_and_fairness: bool
    shutdown_delay_duration: float
    permit_port_sharing: bool
    workers: int
    worker: bool
    verbosity: int
    emulated: str
    audit: AuditFlags = NO_AUDIT

    @property
    def storage_url(self) -> str:
        """The URL of the store, as `storage.open` accepts it."""
        if self.etcd_servers:
            return "etcd://" + ",".join(self.etcd_servers)
        return self.storage or f"sqlite:///{quote(str((self.data_dir / 'state.db').absolute()))}"

    @property
    def uses_etcd(self) -> bool:
        """Whether the store can be shared by several processes."""
        return self.storage_url.startswith(("http://", "https://", "etcd://"))

    @property
    def authorization_modes(self) -> tuple[str, ...]:
        """The modes of authorization, if no file has them."""
        return self.authorization_mode or (RBAC,)

    @property
    def audiences(self) -> tuple[str, ...]:
        """The names of the API itself in tokens."""
        return self.api_audiences or self.service_account_issuer

    @property
    def cluster_ip(self) -> str:
        """The cluster IP of the API's Service: the first of the service range."""
        return str(_network(self.service_cluster_ip_range.partition(",")[0])[1])

    @property
    def service_ranges(self) -> ServiceRanges:
        """The ranges that Services have their addresses and ports from."""
        first, last = self.service_node_port_range
        return ServiceRanges(
            tuple(self.service_cluster_ip_range.split(",")), range(first, last + 1)
        )


class _Text(fields.String):
    """A string that may be empty."""


class _Boolean(fields.Field[bool]):
    """A boolean in Go's syntax."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        text = str(value).lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise ValidationError("must be true or false")


class _List(fields.Field["tuple[str, ...]"]):
    """A comma-separated list; a repeated flag extends it."""

    def __init__(self, *, of: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._choices = of

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
        for name in names:
            if self._choices and name not in self._choices:
                raise ValidationError(f"{name} is none of {', '.join(self._choices)}")
        return names


class _Pairs(fields.Field["tuple[tuple[str, str], ...]"]):
    """Pairs like ``name=value``; a repeated flag adds more."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[tuple[str, str], ...]:
        given = [value] if isinstance(value, str) else value
        pairs = [text.partition("=") for all_ in given for text in all_.split(",") if text]
        if not all(name and equals for name, equals, _ in pairs):
            raise ValidationError("must be formatted as key=value")
        return tuple((name.strip(), value) for name, _, value in pairs)


class _Urls(_List):
    """``http://host:port`` and ``https://host:port``."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        urls = super()._deserialize(value, *args, **kwargs)
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                shown = without_credentials(url)
                raise ValidationError(f"{shown} is not like http://127.0.0.1:2379")
        return urls


class _Duration(fields.Field[float]):
    """A duration in Go's syntax."""

    def __init__(self, *, least: float = 1e-9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._least = least

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            seconds = parse_duration(str(value))
        except DurationError as error:
            raise ValidationError(str(error)) from error
        if seconds < self._least:
            raise ValidationError("is too short")
        return seconds


class _Address(fields.Field[str]):
    """An IP address."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        try:
            return str(ipaddress.ip_address(value)) if value else ""
        except ValueError as error:
            raise ValidationError("must be an IP address") from error


class _Network(fields.Field[str]):
    """A CIDR range, or two of different families."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        ranges = str(value).split(",")
        try:
            networks = [_network(text) for text in ranges]
        except ValueError as error:
            raise ValidationError("must be a range of IP addresses like 10.0.0.0/24") from error
        if len({network.version for network in networks}) < len(networks):
            raise ValidationError("two ranges must be one of IPv4 and one of IPv6")
        if any(network.num_addresses < 8 for network in networks):
            raise ValidationError("must have at least 8 addresses")
        return ",".join(map(str, networks))


class _PortRange(fields.Field["tuple[int, int]"]):
    """A port range, ``30000-32767`` or ``30000+2767`` with the number of further ports."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[int, int]:
        text = str(value)
        first, separator, last = text.partition("+" if "+" in text else "-")
        try:
            low = int(first)
            high = low + int(last) if separator == "+" else int(last or first)
        except ValueError as error:
            raise ValidationError("must be a range of ports like 30000-32767") from error
        if not 0 < low <= high < 1 << 16:
            raise ValidationError("must be a range of ports like 30000-32767")
        return low, high


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text.strip(), strict=False)


def _port() -> fields.Integer:
    bounds = validate.Range(0, 65535, error="must be a port: a number from 0 to 65535")
    return fields.Integer(load_default=6443, validate=bounds, error_messages=_NO_INTEGER)


def _count(default: int, least: int) -> fields.Integer:
    bounds = validate.Range(least, error=f"must be at least {least}")
    return fields.Integer(load_default=default, validate=bounds, error_messages=_NO_INTEGER)


def _version() -> fields.String:
    versions = ("v1", "v1beta1")
    return fields.String(
        load_default="v1beta1", validate=validate.OneOf(versions, error=_no_choice(versions))
    )


def _no_choice(known: Iterable[str]) -> str:
    return f"must be one of {', '.join(known)}"


_NO_INTEGER: Final[Any] = {"invalid": "must be a number"}


class ConfigSchema(Schema):
    """The flags, with defaults and valid values."""

    class Meta:
        """Unknown flags are reported by the command line parser."""

        unknown = EXCLUDE

    storage = _Text(load_default="")
    etcd_servers = _Urls(load_default=())
    allow_empty_database = _Boolean(load_default=False)
    etcd_prefix = fields.String(
        load_default="/registry", validate=validate.Regexp(".*[^/]", error="must name something")
    )
    encryption_provider_config = _Text(load_default="")
    encryption_provider_config_automatic_reload = _Boolean(load_default=False)
    etcd_cafile = _Text(load_default="")
    etcd_certfile = _Text(load_default="")
    etcd_keyfile = _Text(load_default="")
    bind_address = _Address(load_default="127.0.0.1")
    secure_port = _port()
    advertise_address = _Address(load_default="")
    cert_dir = _Text(load_default="")
    cluster_signing_cert_file = _Text(load_default="")
    cluster_signing_key_file = _Text(load_default="")
    cluster_signing_duration = _Duration(load_default=365 * 86_400.0)
    data_dir = _Text(load_default=".apiserver")
    tls_cert_file = _Text(load_default="")
    tls_private_key_file = _Text(load_default="")
    tls_san = _List(load_default=())
    tls_min_version = fields.String(
        load_default="", validate=validate.OneOf(["", *VERSIONS], error=_no_choice(VERSIONS))
    )
    tls_cipher_suites = _List(load_default=(), of=tuple(CIPHER_SUITES))
    client_ca_file = _Text(load_default="")
    requestheader_client_ca_file = _Text(load_default="")
    requestheader_allowed_names = _List(load_default=())
    requestheader_username_headers = _List(load_default=("x-remote-user",))
    requestheader_uid_headers = _List(load_default=())
    requestheader_group_headers = _List(load_default=("x-remote-group",))
    requestheader_extra_headers_prefix = _List(load_default=("x-remote-extra-",))
    token_auth_file = _Text(load_default="")
    anonymous_auth = _Boolean(load_default=None)
    enable_bootstrap_token_auth = _Boolean(load_default=False)
    authentication_config = _Text(load_default="")
    authentication_token_webhook_config_file = _Text(load_default="")
    authentication_token_webhook_version = _version()
    authentication_token_webhook_cache_ttl = _Duration(load_default=120.0, least=0.0)
    oidc_issuer_url = _Text(load_default="")
    oidc_client_id = _Text(load_default="")
    oidc_ca_file = _Text(load_default="")
    oidc_username_claim = _Text(load_default="sub")
    oidc_username_prefix = _Text(load_default="")
    oidc_groups_claim = _Text(load_default="")
    oidc_groups_prefix = _Text(load_default="")
    oidc_required_claim = _Pairs(load_default=())
    oidc_signing_algs = _List(load_default=("RS256",), of=SIGNING_ALGORITHMS)
    authorization_mode = _List(load_default=(), of=MODES)
    authorization_config = _Text(load_default="")
    authorization_webhook_config_file = _Text(load_default="")
    authorization_webhook_version = _version()
    authorization_webhook_cache_authorized_ttl = _Duration(load_default=300.0, least=0.0)
    authorization_webhook_cache_unauthorized_ttl = _Duration(load_default=30.0, least=0.0)
    service_cluster_ip_range = _Network(load_default="10.0.0.0/24")
    service_node_port_range = _PortRange(load_default=(30000, 32767))
    service_account_issuer = _List(load_default=("https://kubernetes.default.svc",))
    service_account_key_file = _List(load_default=())
    service_account_signing_key_file = _Text(load_default="")
    service_account_max_token_expiration = _Duration(load_default=0.0, least=0.0)
    service_account_extend_token_expiration = _Boolean(load_default=True)
    service_account_jwks_uri = _Text(load_default="")
    api_audiences = _List(load_default=())
    admission_control_config_file = _Text(load_default="")
    enable_admission_plugins = _List(load_default=())
    disable_admission_plugins = _List(load_default=())
    allow_privileged = _Boolean(load_default=False)
    controllers = _List(load_default=("*",))
    enable_garbage_collector = _Boolean(load_default=True)
    event_ttl = _Duration(load_default=3600.0)
    etcd_compaction_interval = _Duration(load_default=300.0, least=0.0)
    request_timeout = _Duration(load_default=60.0)
    max_requests_inflight = _count(400, 0)
    max_mutating_requests_inflight = _count(200, 0)
    enable_priority_and_fairness = _Boolean(load_default=True)
    shutdown_delay_duration = _Duration(load_default=0.0, least=0.0)
    permit_port_sharing = _Boolean(load_default=False)
    workers = _count(1, 1)
    worker = _Boolean(load_default=False)
    verbosity = _count(0, 0)
    emulated_version = _List(load_default=())
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
    if longest and not _LEAST_EXPIRATION <= longest <= _MOST_EXPIRATION:
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
