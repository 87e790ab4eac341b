"""The options of a server, as its configuration and its identity set them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from apiserver.access.admission.admission_configuration import (
    AdmissionSettings,
    load_admission_settings,
)
from apiserver.access.admission.enabled_plugins import enabled_plugins
from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.controllers.controller_names import GARBAGE_COLLECTOR, missing_controllers
from apiserver.registry.flow_reflectors import build_flow_control
from apiserver.server.assembly import ServerOptions
from apiserver.server.cluster_signing import ClusterSigner
from apiserver.server.config import Config
from apiserver.server.pki import Identity, KeyPair

#: From this verbosity on the cache is compared with the store periodically.
_CHECK_CACHE_VERBOSITY: Final = 5

log = logging.getLogger(__name__)


def server_options(config: Config, identity: Identity) -> ServerOptions:
    """Return all options of a server that has an identity. Raises as `options_from`."""
    return replace(
        options_from(config),
        root_ca=_root_ca(config, identity),
        sign=_cluster_signer(config, identity).sign,
        published_trust=_published_trust(config, identity),
    )


def options_from(config: Config) -> ServerOptions:
    """Return the options that a configuration sets.

    Raises PluginFlagError, ConfigurationError and OSError.
    """
    file = config.admission_control_config_file
    admission = load_admission_settings(Path(file)) if file else AdmissionSettings()
    plugins = enabled_plugins(config.enable_admission_plugins, config.disable_admission_plugins)
    admission.check(plugins)
    return ServerOptions(
        event_ttl=int(config.event_ttl),
        compaction=config.etcd_compaction_interval,
        plugins=plugins,
        admission=admission,
        controllers=_controllers(config),
        emulated=config.emulated,
        check_cache=config.verbosity >= _CHECK_CACHE_VERBOSITY,
        flow_control=_flow_control(config),
    )


def _controllers(config: Config) -> tuple[str, ...]:
    missing = missing_controllers(config.controllers)
    if missing:
        log.warning("--controllers: not implemented: %s", ", ".join(missing))
    # The first mention of a name counts.
    off = () if config.enable_garbage_collector else (f"-{GARBAGE_COLLECTOR}",)
    return (*off, *config.controllers)


def _cluster_signer(config: Config, identity: Identity) -> ClusterSigner:
    authority = identity.ca
    if config.cluster_signing_cert_file:
        authority = KeyPair(
            Path(config.cluster_signing_cert_file), Path(config.cluster_signing_key_file)
        )
    longest = config.cluster_signing_duration
    return ClusterSigner(authority.certificate, authority.key, longest)


def _root_ca(config: Config, identity: Identity) -> str:
    """Return the certificates by which clients in the cluster verify this server."""
    own = identity.ca.certificate.read_text()
    # A given certificate is of another authority. Clients that are given it need no authority.
    return Path(config.tls_cert_file).read_text() + own if config.tls_cert_file else own


def _published_trust(config: Config, identity: Identity) -> Mapping[str, str]:
    if not any(config.client_authorities):
        return {}
    from apiserver.server.front_proxies import published_trust

    return published_trust(config, identity.ca.certificate)


def _flow_control(config: Config) -> FlowControl | None:
    seats = config.max_requests_inflight + config.max_mutating_requests_inflight
    if not seats or not config.enable_priority_and_fairness:
        return None
    return build_flow_control(seats)
