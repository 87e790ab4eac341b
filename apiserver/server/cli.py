"""The command ``apiserver``: kube-apiserver's flags, and a few more."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from apiserver.access.admission.plugin_names import OFF, ON
from apiserver.server.audit_flags import AUDIT_FLAGS
from apiserver.server.config import Config, ConfigError
from apiserver.server.config_loading import load_config
from apiserver.server.flags import DEFAULTS_IN_EFFECT, IGNORED, UNSUPPORTED
from apiserver.server.imports import without_system_ca
from apiserver.version import GIT_VERSION

USAGE_ERROR: Final = 2

log = logging.getLogger(__name__)

# One row per flag: name, placeholder of its value (None for a boolean), help text.
_Flag = tuple[str, str | None, str]

_SERVING: Final[Sequence[_Flag]] = (
    ("bind-address", "IP", "Listen on this address, 0.0.0.0 or :: for all. (127.0.0.1)"),
    ("secure-port", "PORT", "Serve HTTPS on this port; 0 takes a free one. (6443)"),
    ("advertise-address", "IP", "The address for other members of the cluster."),
    ("cert-dir", "DIR", "The directory of the CA and the certificates. (DATA_DIR/certificates)"),
    ("tls-cert-file", "FILE", "Serve with this certificate instead of a generated one."),
    ("tls-private-key-file", "FILE", "The key of --tls-cert-file."),
    ("tls-san", "NAMES", "More names and addresses for the generated serving certificate."),
    ("tls-min-version", "NAME", "VersionTLS12 or VersionTLS13. (VersionTLS12)"),
    ("tls-cipher-suites", "NAMES", "The cipher suites of TLS 1.2. (OpenSSL's secure ones)"),
    ("permit-port-sharing", None, "Let other servers listen on the same port. (false)"),
    ("shutdown-delay-duration", "TIME", "Keep serving for this long after SIGTERM. (0s)"),
    ("workers", "N", "The number of processes on one port; more than one needs etcd. (1)"),
    ("request-timeout", "TIME", "The maximum duration of a request. (1m0s)"),
    ("max-requests-inflight", "N", "Concurrent reads at most; 0 is no limit. (400)"),
    ("max-mutating-requests-inflight", "N", "Concurrent writes at most; 0 is no limit. (200)"),
    (
        "enable-priority-and-fairness",
        "BOOL",
        "Share their sum between priority levels instead, in which requests wait in turn. (true)",
    ),
)
_STORAGE: Final[Sequence[_Flag]] = (
    ("data-dir", "DIR", "The directory of all files of the server. (.apiserver)"),
    ("storage", "URL", "sqlite:///PATH or memory://. (sqlite, in DATA_DIR/state.db)"),
    ("allow-empty-database", "BOOL", "Take a SQLite file of 0 bytes for a new store. (false)"),
    ("etcd-servers", "URLS", "Store in this etcd instead: http://HOST:PORT,..."),
    ("etcd-prefix", "PATH", "The prefix of all keys. (/registry)"),
    ("etcd-cafile", "FILE", "The CA of etcd's certificates."),
    ("etcd-certfile", "FILE", "The client certificate for etcd."),
    ("etcd-keyfile", "FILE", "The key of --etcd-certfile."),
    ("encryption-provider-config", "FILE", "The EncryptionConfiguration of stored objects."),
    (
        "encryption-provider-config-automatic-reload",
        None,
        "Reload it when it changes. (false)",
    ),
    ("event-ttl", "TIME", "How long Events are kept. (1h0m0s)"),
    (
        "etcd-compaction-interval",
        "TIME",
        "The compaction interval: history is kept this long, at most twice. 0: never. (5m0s)",
    ),
    ("storage-backend", "NAME", "etcd3 is the only one."),
    ("storage-media-type", "TYPE", "application/json is the only one."),
)
_ACCESS: Final[Sequence[_Flag]] = (
    ("client-ca-file", "FILE", "An additional CA for client certificates."),
    ("requestheader-client-ca-file", "FILE", "The CA of proxies that name their clients."),
    ("requestheader-allowed-names", "NAMES", "The common names of these proxies. (all)"),
    ("requestheader-username-headers", "NAMES", "Where they name a user. (x-remote-user)"),
    ("requestheader-uid-headers", "NAMES", "Where they name the user's uid."),
    ("requestheader-group-headers", "NAMES", "Where they name its groups. (x-remote-group)"),
    ("requestheader-extra-headers-prefix", "NAMES", "And all else. (x-remote-extra-)"),
    ("token-auth-file", "FILE", 'Bearer tokens, as CSV: token,user,uid,"group,group".'),
    ("anonymous-auth", None, "Serve requests without credentials as system:anonymous. (true)"),
    ("enable-bootstrap-token-auth", None, "Authenticate bootstrap tokens. (false)"),
    ("authentication-config", "FILE", "Issuers of tokens, and who is anonymous: an object."),
    ("authentication-token-webhook-config-file", "FILE", "A webhook for tokens: a kubeconfig."),
    ("authentication-token-webhook-version", "NAME", "The version of its reviews. (v1beta1)"),
    ("authentication-token-webhook-cache-ttl", "TIME", "How long its answers count. (2m0s)"),
    ("oidc-issuer-url", "URL", "An issuer of OpenID Connect tokens, instead of such a file."),
    ("oidc-client-id", "NAME", "The audience that tokens of this issuer must have."),
    ("oidc-ca-file", "FILE", "The CA of the issuer's servers. (those of the system)"),
    ("oidc-username-claim", "NAME", "The claim with the user's name. (sub)"),
    ("oidc-username-prefix", "TEXT", "The prefix of these names, - for none. (the issuer, #)"),
    ("oidc-groups-claim", "NAME", "The claim with the user's groups."),
    ("oidc-groups-prefix", "TEXT", "The prefix of these groups."),
    ("oidc-required-claim", "CLAIM=VALUE", "A claim that tokens must have."),
    ("oidc-signing-algs", "NAMES", "The signature algorithms of tokens. (RS256)"),
    (
        "authorization-mode",
        "MODES",
        "Node, RBAC, Webhook, AlwaysAllow or AlwaysDeny, in their order. (RBAC)",
    ),
    ("authorization-config", "FILE", "The authorizers, webhooks among them: an object."),
    ("authorization-webhook-config-file", "FILE", "The webhook of mode Webhook: a kubeconfig."),
    ("authorization-webhook-version", "NAME", "The version of its reviews. (v1beta1)"),
    ("authorization-webhook-cache-authorized-ttl", "TIME", "How long it allows. (5m0s)"),
    ("authorization-webhook-cache-unauthorized-ttl", "TIME", "How long it refuses. (30s)"),
    ("service-account-issuer", "URL", "The issuer of service account tokens."),
    ("service-account-key-file", "FILE", "Keys, or certificates, that verify such tokens."),
    ("service-account-signing-key-file", "FILE", "The key that signs such tokens."),
    ("service-account-max-token-expiration", "TIME", "The maximum lifetime of tokens."),
    ("service-account-extend-token-expiration", None, "Issue Pod tokens for a year. (true)"),
    ("service-account-jwks-uri", "URL", "The public URL of those keys. (on this server)"),
    ("api-audiences", "NAMES", "The audiences of this API in tokens. (its issuers)"),
    ("enable-admission-plugins", "NAMES", f"Additional ones to enable, of {', '.join(OFF)}."),
    ("disable-admission-plugins", "NAMES", f"Admission plugins to disable, of {', '.join(ON)}."),
    ("admission-control-config-file", "FILE", "The AdmissionConfiguration: their settings."),
    ("allow-privileged", None, "Allow privileged containers. (false)"),
)
_CLUSTER: Final[Sequence[_Flag]] = (
    ("service-cluster-ip-range", "CIDR", "The range of cluster IPs. (10.0.0.0/24)"),
    ("service-node-port-range", "RANGE", "The range of node ports. (30000-32767)"),
    ("emulated-version", "1.N", "Serve the API of an earlier Kubernetes, from 1.27 on. (1.36)"),
    ("controllers", "NAMES", "The controllers to run; * is all of them. (*)"),
    ("cluster-signing-cert-file", "FILE", "The CA that signs certificates. (that of the server)"),
    ("cluster-signing-key-file", "FILE", "The key of --cluster-signing-cert-file."),
    ("cluster-signing-duration", "TIME", "The longest lifetime of such certificates. (8760h)"),
    ("enable-garbage-collector", None, "Run the garbage collector, if it is among them. (true)"),
)
_GROUPS: Final = {
    "serving": _SERVING,
    "storage": _STORAGE,
    "access": _ACCESS,
    "cluster": _CLUSTER,
    "audit": AUDIT_FLAGS,
}
_LISTS: Final = frozenset(
    [
        "api-audiences", "authorization-mode", "controllers", "disable-admission-plugins",
        "emulated-version", "enable-admission-plugins", "etcd-servers", "oidc-required-claim",
        "oidc-signing-algs",
        "requestheader-allowed-names", "requestheader-extra-headers-prefix",
        "requestheader-group-headers", "requestheader-uid-headers",
        "requestheader-username-headers",
        "service-account-issuer", "service-account-key-file", "tls-cipher-suites", "tls-san",
    ]
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        refuse(message)


class _Ignored(argparse.Action):
    """Records a flag that has no effect."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        assert option_string is not None
        name = option_string.removeprefix("--")
        if (name, str(values)) not in DEFAULTS_IN_EFFECT:
            namespace.ignored.append(name)


class _Unsupported(argparse.Action):
    """Refuses a flag for a feature that this server does not have."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        # An empty value is how a command line says that it does not use the feature.
        if values:
            refuse(f"{option_string} is not supported yet, and ignoring it would not be safe")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until it is stopped; return the exit code."""
    # Until the server handles it: its files are read later than this anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    given = list(sys.argv[1:] if arguments is None else arguments)
    config, ignored = parse_arguments(given)
    logging.basicConfig(
        level=logging.DEBUG if config.verbosity >= 4 else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ignored:
        log.warning("--%s has no effect here", name)
    # Objects made during the start are hardly ever garbage; the collector is enabled after it.
    gc.disable()
    # Imported late so that --help does not import a server.
    with without_system_ca():
        from apiserver.server.serving import run
    # All but what the imports leave: a class with slots, for one, is made twice. The megabyte is
    # reused by the objects of the start.
    gc.collect()
    if config.workers == 1:
        return run(config)
    from apiserver.server.workers import supervise

    return supervise(config)


def parse_arguments(given: Sequence[str]) -> tuple[Config, list[str]]:
    """Return the configuration, and the names of flags that have no effect.

    Exits with code 2 after one line on stderr if the arguments are invalid.
    """
    namespace, unknown = _parser().parse_known_args(given)
    if unknown:
        flag = unknown[0].partition("=")[0]
        refuse(f"unknown {'flag' if flag.startswith('-') else 'argument'}: {flag}")
    values = {
        name: value
        for name, value in vars(namespace).items()
        if value is not None and name != "ignored"
    }
    try:
        return load_config(values), namespace.ignored
    except ConfigError as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    """Report an invalid command line in one line, and exit."""
    sys.stderr.write(f"apiserver: {message} (see apiserver --help)\n")
    raise SystemExit(USAGE_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="apiserver",
        usage="apiserver [--flag=value ...]",
        description="A durable Kubernetes API server. Without any flag it keeps its data in "
        "SQLite below .apiserver/, and writes .apiserver/admin.kubeconfig for kubectl.",
        epilog="Most other flags of kube-apiserver v1.36 are accepted and have no effect; a "
        "warning says so. Those that security rests on are refused until they work. "
        "'apiserver test -- COMMAND' runs a command with a server for tests.",
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=38, width=100),
    )
    parser.set_defaults(ignored=[])
    parser.add_argument("--version", action="version", version=f"Kubernetes {GIT_VERSION}")
    parser.add_argument(
        "-v", "--v", dest="verbosity", metavar="N", help="Log more: 4 is a lot. (0)"
    )
    for title, flags in _GROUPS.items():
        group = parser.add_argument_group(title)
        for name, metavar, text in flags:
            _add(group, name, metavar, text)
    for name in sorted(IGNORED):
        parser.add_argument(
            f"--{name}", nargs="?", const="true", action=_Ignored, help=argparse.SUPPRESS
        )
    for name in sorted(UNSUPPORTED):
        parser.add_argument(f"--{name}", action=_Unsupported, help=argparse.SUPPRESS)
    return parser


def _add(group: argparse._ArgumentGroup, name: str, metavar: str | None, text: str) -> None:
    if metavar is None:
        group.add_argument(f"--{name}", nargs="?", const="true", metavar="BOOL", help=text)
    elif name in _LISTS:
        group.add_argument(f"--{name}", action="append", metavar=metavar, help=text)
    else:
        group.add_argument(f"--{name}", metavar=metavar, help=text)
