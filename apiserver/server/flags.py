"""Flags of kube-apiserver v1.36 that this server does not implement.

Most are accepted and have no effect, so that a command line for kube-apiserver starts this server:
they concern features that do not exist here or tune internals that differ. Each causes a warning,
unless its value describes what this server does anyway. Flags on which the security of a cluster
rests are refused.
"""

from __future__ import annotations

from typing import Final

IGNORED: Final = frozenset(
    """
    aggregator-reject-forwarding-redirect allow-metric-labels allow-metric-labels-manifest
    contention-profiling coordinated-leadership-lease-duration coordinated-leadership-renew-deadline
    coordinated-leadership-retry-period cors-allowed-origins debug-socket-path
    default-not-ready-toleration-seconds default-unreachable-toleration-seconds
    default-watch-cache-size delete-collection-workers disable-http2-serving disabled-metrics
    emulation-forward-compatible enable-aggregator-routing
    endpoint-reconciler-type etcd-count-metric-poll-period
    etcd-db-metric-poll-interval etcd-healthcheck-timeout etcd-readycheck-timeout
    etcd-servers-overrides external-hostname feature-gates goaway-chance
    http2-max-streams-per-connection kubelet-client-certificate kubelet-client-key
    kubelet-preferred-address-types kubelet-read-only-port kubelet-timeout
    kubernetes-service-node-port lease-reuse-duration-seconds livez-grace-period log-flush-frequency
    log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream
    logging-format max-connection-bytes-per-sec min-compatibility-version min-request-timeout
    peer-advertise-ip peer-advertise-port permit-address-sharing profiling proxy-client-cert-file
    proxy-client-key-file runtime-config runtime-config-emulation-forward-compatible
    service-account-lookup service-account-signing-endpoint show-hidden-metrics-for-version
    shutdown-send-retry-after shutdown-watch-termination-grace-period storage-initialization-timeout
    tracing-config-file vmodule watch-cache watch-cache-sizes
    """.split()
)

#: Flags for security that this server does not provide: it does not start with them.
UNSUPPORTED: Final = frozenset(
    """
    authorization-policy-file egress-selector-config-file
    kubelet-certificate-authority peer-ca-file strict-transport-security-directives
    tls-curve-preferences tls-sni-cert-key
    """.split()
)

#: Flags with values that describe the fixed behaviour of this server; they cause no warning.
DEFAULTS_IN_EFFECT: Final = frozenset(
    [
        ("disable-http2-serving", "true"),
        ("endpoint-reconciler-type", "lease"),
        ("logging-format", "text"),
        ("watch-cache", "true"),
        ("service-account-lookup", "true"),
    ]
)
