"""One serving process, from its start to its shutdown.

Shutdown is graceful: /readyz fails first, then watches end, then no more connections are accepted,
and requests in progress get a few seconds to complete. It takes less than five seconds, so
supervisors need not send SIGKILL.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import uvloop

from apiserver.access.authentication.token_file import TokenFileError
from apiserver.access.configuration_files import ConfigurationError
from apiserver.access.loaded_files import LoadedFiles
from apiserver.endpoints.filters import Filters, with_filters
from apiserver.endpoints.filters.in_flight import InFlightLimits
from apiserver.endpoints.filters.request_deadline import RequestDeadlines
from apiserver.endpoints.http_request import Handler
from apiserver.endpoints.http_server import HTTPServer
from apiserver.machinery.errors import StatusError
from apiserver.registry.work_estimating import WorkEstimator
from apiserver.resources.builtin.parts.clusterpolicy import POLICY
from apiserver.server.access_config import KeyFileError, access_factory
from apiserver.server.assembly import (
    PRODUCTION,
    Server,
    ServerEnvironment,
    StorageOptions,
    build_server,
)
from apiserver.server.audit_config import build_auditor
from apiserver.server.bootstrap import Endpoint
from apiserver.server.config import Config
from apiserver.server.encryption_config import load_encryption
from apiserver.server.files import make_directory
from apiserver.server.kubeconfig import write_kubeconfig
from apiserver.server.listening import (
    ConnectionSource,
    Listener,
    advertised_address,
    certificate_names,
    server_url,
)
from apiserver.server.malloc_trim import returning_memory
from apiserver.server.pki import Identity, IdentityError, KeyPair, load_or_create_identity
from apiserver.server.reloading import Reloader, reloading
from apiserver.server.server_options import server_options
from apiserver.server.tls import ReloadableContext, tls_context
from storage.errors import StorageError
from storage.open import UnknownStore

_DRAIN_SECONDS: Final = 3.0
# Full collections of a large heap are slow, and hardly any long-lived object is garbage. One of the
# younger generations examines at most 30,000 objects, for about 3 ms.
_GC_THRESHOLDS: Final = (10_000, 2, 1000)

# The limit of open files that is set if the hard limit is unlimited.
_MAX_FILES: Final = 1 << 20

#: Wraps a handler.
Filter: TypeAlias = Callable[[Handler], Handler]

log = logging.getLogger(__name__)


class StartError(Exception):
    """The server cannot start; the message says why."""


_CAUSES: Final = (
    ConfigurationError, IdentityError, KeyFileError, StatusError, StorageError, TokenFileError,
    UnknownStore,
)  # fmt: skip


class Embedding:
    """The program that runs a server: by default a process of its own, which prints the URL.

    A program that runs a server for tests has another one. ``outermost`` wraps the first filter,
    ``inserted`` are further filters, see `Filters`. ``owns_process``: signals are for the server.
    """

    environment: ServerEnvironment = PRODUCTION
    inserted: Sequence[Filter] = ()
    owns_process: bool = True
    #: How long a connection that is new at the shutdown may wait for its first request.
    first_request_seconds: float = 0.0

    def connections(self, config: Config) -> ConnectionSource:
        """Return the source of connections. Raises OSError."""
        return Listener(config)

    def leaves_address(self) -> bool:
        """Return whether the address is free once this process has stopped."""
        return True

    async def delay_shutdown(self, seconds: float) -> None:
        """Wait before no more connections are accepted, so that clients can see /readyz fail."""
        await asyncio.sleep(seconds)

    def outermost(self, handler: Handler) -> Handler:
        """Return ``handler``, or what wraps it."""
        return handler

    @asynccontextmanager
    async def serving(self, server: Server, url: str, kubeconfig: Path) -> AsyncIterator[None]:
        """Enclose the time in which requests are served at ``url``."""
        announce(url, kubeconfig)
        freeze_memory()
        yield


def run(config: Config, embed: Callable[[asyncio.Event], Embedding] = lambda _: Embedding()) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    ``embed`` gets the event that makes the server stop, in its event loop.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_until_signalled(config, embed))
    except StartError as error:
        sys.stderr.write(f"apiserver: {error}\n")
        return 1
    return 0


async def _serve_until_signalled(
    config: Config, embed: Callable[[asyncio.Event], Embedding]
) -> None:
    _raise_file_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_until(config, stop, embed(stop))


async def serve_until(config: Config, stop: asyncio.Event, embedding: Embedding) -> None:
    """Serve in this process until ``stop`` is set. Raises StartError."""
    with as_start_error():
        make_directory(config.data_dir)
        settings = POLICY.applied(allow_privileged=config.allow_privileged)
        with embedding.connections(config) as connections, settings:
            await _until_stopped(config, connections, stop, embedding)


@contextmanager
def as_start_error() -> Iterator[None]:
    """Raise StartError for the errors that say why a server cannot start."""
    try:
        yield
    except _CAUSES as error:
        raise StartError(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StartError(f"{where}{error.strerror or error}") from error


async def _until_stopped(
    config: Config, connections: ConnectionSource, stop: asyncio.Event, embedding: Embedding
) -> None:
    """Serve until ``stop`` is set, also if that is before the server has started."""
    started = asyncio.Event()
    serve = _serve(config, connections, embedding, started, stop)
    serving = asyncio.create_task(serve, name="serve")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and not started.is_set():
            log.info("stopped before the server had started")
            serving.cancel()
            await asyncio.wait([serving])
        if not serving.cancelled():
            await serving
    finally:
        stopping.cancel()
        serving.cancel()


async def _serve(
    config: Config,
    connections: ConnectionSource,
    embedding: Embedding,
    started: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    port = connections.port
    identity = server_identity(config)
    tls = ReloadableContext(lambda: _tls_context(config, identity))
    # From here on: the store may take minutes to answer, and certificates may be renewed meanwhile.
    reloaded = [LoadedFiles("the certificates", _certificates(config, identity), tls.reload)]
    endpoint = Endpoint(config.cluster_ip, advertised_address(config), port, config.service_ranges)
    etcd_tls = {
        "cafile": config.etcd_cafile,
        "certfile": config.etcd_certfile,
        "keyfile": config.etcd_keyfile,
    }
    encryption = load_encryption(config)
    if encryption and config.encryption_provider_config_automatic_reload:
        path = Path(config.encryption_provider_config)
        reloaded.append(LoadedFiles("the encryption configuration", [path], encryption.reload))
    storage = StorageOptions(
        config.storage_url,
        config.etcd_prefix,
        etcd_tls,
        shared=config.uses_etcd,
        removes_lease=embedding.leaves_address,
        allow_empty=config.allow_empty_database,
        encryption=encryption,
    )
    options = server_options(config, identity)
    build_access = access_factory(config)
    environment = embedding.environment
    auditor = build_auditor(config.audit)
    async with (
        nullcontext() if auditor is None else auditor.running(),
        build_server(storage, endpoint, options, build_access, environment) as server,
    ):
        filters = replace(
            _filters(config, server, embedding.inserted),
            auditor=auditor,
            flow_control=options.flow_control,
            estimator=WorkEstimator(server.registry),
        )
        if auditor is not None:
            server.metrics.parts.append(auditor)
        handler = embedding.outermost(with_filters(server.router.handle, filters))
        http_server = HTTPServer(handler)
        server.metrics.gauges["apiserver_open_connections"] = (
            "Connections open, idle ones included.",
            lambda: float(http_server.open_connections()),
        )
        url, kubeconfig = server_url(config, port), config.kubeconfig
        write_kubeconfig(kubeconfig, url, identity)
        await connections.open(http_server.connect, tls)
        tls.authorities_changed = http_server.close_certified
        reloader = Reloader([*reloaded, *server.access.files])
        async with (
            embedding.serving(server, url, kubeconfig),
            reloading(reloader, hangup=embedding.owns_process),
            returning_memory(http_server.open_connections),
        ):
            server.become_ready()
            started.set()
            await stop.wait()
        log.info("shutting down")
        server.stop_being_ready()
        await embedding.delay_shutdown(config.shutdown_delay_duration)
        await connections.stop()
        server.router.streams.stop()
        await http_server.drain(_DRAIN_SECONDS, embedding.first_request_seconds)


def server_identity(config: Config) -> Identity:
    """Return the certificates of the server. Creates those that are missing.

    Raises IdentityError or OSError.
    """
    given = None
    if config.tls_cert_file:
        given = KeyPair(Path(config.tls_cert_file), Path(config.tls_private_key_file))
    return load_or_create_identity(
        config.cert_dir, certificate_names(config), given, config.client_ca_file
    )


def _tls_context(config: Config, identity: Identity) -> ssl.SSLContext:
    return tls_context(
        identity, config.client_authorities, config.tls_min_version, config.tls_cipher_suites
    )


def _certificates(config: Config, identity: Identity) -> list[Path]:
    """Return the files of the TLS context."""
    serving = identity.serving
    certificates = [serving.certificate, serving.key, identity.ca.certificate]
    return [*certificates, *map(Path, filter(None, config.client_authorities))]


def _filters(config: Config, server: Server, inserted: Sequence[Filter]) -> Filters:
    return Filters(
        authenticator=server.access.authenticator,
        authorizer=server.access.authorizer,
        metrics=server.metrics,
        deadlines=RequestDeadlines(config.request_timeout),
        limits=InFlightLimits(config.max_requests_inflight, config.max_mutating_requests_inflight),
        inserted=inserted,
    )


def announce(url: str, kubeconfig: Path) -> None:
    """Print the URL of the server and the path of its kubeconfig."""
    sys.stdout.write(f"serving on {url}\nexport KUBECONFIG={kubeconfig.absolute()}\n")
    sys.stdout.flush()


def _raise_file_limit() -> None:
    # Every connection is an open file. The low soft limit exists for select(), unused here.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_FILES if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:
        log.warning("cannot raise the limit of %d open files: %s", soft, error)


def freeze_memory() -> None:
    """Start the garbage collector, for the objects that are made from now on."""
    # Objects of the start live for ever, so the collector, off until now, can ignore them.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()
