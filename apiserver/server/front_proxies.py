"""The front proxies of a server, from the flags ``--requestheader-...``."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from apiserver.access.authentication.front_proxy import FrontProxy, ProxyHeaders
from apiserver.access.configuration_files import ConfigurationError
from apiserver.access.loaded_files import LoadedFiles
from apiserver.machinery.documents import dump_json
from apiserver.server.config import Config

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_CLIENT_CA: Final = "client-ca-file"


def front_proxy(config: Config) -> tuple[FrontProxy, LoadedFiles]:
    """Return the proxies of a configuration that has some. Raises ConfigurationError, OSError."""
    headers = ProxyHeaders(
        config.requestheader_username_headers,
        config.requestheader_uid_headers,
        config.requestheader_group_headers,
        tuple(prefix.lower() for prefix in config.requestheader_extra_headers_prefix),
    )
    proxy = FrontProxy(headers, frozenset(config.requestheader_allowed_names))
    path = Path(config.requestheader_client_ca_file)
    clients = [config.own_authority, *map(Path, filter(None, [config.client_ca_file]))]

    def load() -> None:
        proxy.trust(_certificates(path), frozenset().union(*map(_certificates, clients)))

    load()
    return proxy, LoadedFiles("the authority of front proxies", [path, *clients], load)


def published_trust(config: Config, own_authority: Path) -> Mapping[str, str]:
    """Return the published trust for other API servers; empty without the flags for CAs."""
    published = {}
    if config.client_ca_file:
        given = Path(config.client_ca_file).read_text()
        published[_CLIENT_CA] = given + own_authority.read_text()
    if config.requestheader_client_ca_file:
        published["requestheader-client-ca-file"] = Path(
            config.requestheader_client_ca_file
        ).read_text()
        for name in ("allowed-names", "username-headers", "uid-headers", "group-headers",
                     "extra-headers-prefix"):  # fmt: skip
            values = getattr(config, f"requestheader_{name.replace('-', '_')}")
            published[f"requestheader-{name}"] = dump_json(list(values)).decode()
    return published


def _certificates(path: Path) -> frozenset[bytes]:
    """Return the certificates of a file in PEM, as DER."""
    blocks = path.read_text().split(_BEGIN)[1:]
    try:
        found = [
            ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{block.partition(_END)[0]}{_END}\n")
            for block in blocks
        ]
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if not found:
        raise ConfigurationError(f"{path}: it has no certificate")
    return frozenset(found)
