"""Config: the validated command line as one frozen value."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from apiserver.access.authorization.modes import RBAC
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.allocation import ServiceRanges
from apiserver.server.audit_flags import NO_AUDIT, AuditFlags
from apiserver.server.flag_fields import network_of


class ConfigError(Exception):
    """A flag has an invalid value; the message names both."""


@valueclass
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
    verbosity: int
    emulated: str
    audit: AuditFlags = NO_AUDIT

    @property
    def own_authority(self) -> Path:
        """The file of the server's own CA, which certifies clients besides the one given."""
        return self.cert_dir / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The file that makes clients the administrator of the server."""
        return self.data_dir / "admin.kubeconfig"

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
    def client_authorities(self) -> tuple[str, str]:
        """The files of the additional authorities of clients, and of front proxies; or ``""``."""
        return self.client_ca_file, self.requestheader_client_ca_file

    @property
    def cluster_ip(self) -> str:
        """The cluster IP of the API's Service: the first of the service range."""
        return str(network_of(self.service_cluster_ip_range.partition(",")[0])[1])

    @property
    def service_ranges(self) -> ServiceRanges:
        """The ranges that Services have their addresses and ports from."""
        first, last = self.service_node_port_range
        return ServiceRanges(
            tuple(self.service_cluster_ip_range.split(",")), range(first, last + 1)
        )
