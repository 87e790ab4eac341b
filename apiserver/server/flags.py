"""Flags of kube-apiserver v1.36 that are accepted and have no effect.

A command line for kube-apiserver therefore starts this server. The flags concern features that do
not exist here (kubelets, aggregation, encryption at rest...) or tune internals that differ. Each
causes a warning, unless its value describes what this server does anyway.
"""

from __future__ import annotations

from typing import Final

IGNORED: Final = frozenset(
    """
    admission-control-config-file aggregator-reject-forwarding-redirect
    allow-metric-labels allow-metric-labels-manifest
    audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-max-wait
    audit-log-batch-throttle-burst audit-log-batch-throttle-enable audit-log-batch-throttle-qps
    audit-log-compress audit-log-format audit-log-maxage audit-log-maxbackup audit-log-maxsize
    audit-log-mode audit-log-path audit-log-truncate-enabled audit-log-truncate-max-batch-size
    audit-log-truncate-max-event-size audit-log-version audit-policy-file
    audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-max-wait
    audit-webhook-batch-throttle-burst audit-webhook-batch-throttle-enable
    audit-webhook-batch-throttle-qps audit-webhook-config-file audit-webhook-initial-backoff
    audit-webhook-mode audit-webhook-truncate-enabled audit-webhook-truncate-max-batch-size
    audit-webhook-truncate-max-event-size audit-webhook-version
    authentication-config authentication-token-webhook-cache-ttl
    authentication-token-webhook-config-file authentication-token-webhook-version
    authorization-config authorization-policy-file authorization-webhook-cache-authorized-ttl
    authorization-webhook-cache-unauthorized-ttl authorization-webhook-config-file
    authorization-webhook-version
    contention-profiling coordinated-leadership-lease-duration
    coordinated-leadership-renew-deadline coordinated-leadership-retry-period
    cors-allowed-origins debug-socket-path default-not-ready-toleration-seconds
    default-unreachable-toleration-seconds default-watch-cache-size delete-collection-workers
    disable-http2-serving disabled-metrics egress-selector-config-file emulated-version
    emulation-forward-compatible enable-aggregator-routing enable-bootstrap-token-auth
    enable-garbage-collector enable-priority-and-fairness encryption-provider-config
    encryption-provider-config-automatic-reload endpoint-reconciler-type
    etcd-count-metric-poll-period etcd-db-metric-poll-interval
    etcd-healthcheck-timeout etcd-readycheck-timeout etcd-servers-overrides external-hostname
    feature-gates goaway-chance http2-max-streams-per-connection
    kubelet-certificate-authority kubelet-client-certificate kubelet-client-key
    kubelet-preferred-address-types kubelet-read-only-port kubelet-timeout
    kubernetes-service-node-port lease-reuse-duration-seconds livez-grace-period
    log-flush-frequency log-json-info-buffer-size log-json-split-stream
    log-text-info-buffer-size log-text-split-stream logging-format
    max-connection-bytes-per-sec min-compatibility-version min-request-timeout
    oidc-ca-file oidc-client-id oidc-groups-claim oidc-groups-prefix oidc-issuer-url
    oidc-required-claim oidc-signing-algs oidc-username-claim oidc-username-prefix
    peer-advertise-ip peer-advertise-port peer-ca-file permit-address-sharing
    profiling proxy-client-cert-file proxy-client-key-file
    requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix
    requestheader-group-headers requestheader-uid-headers requestheader-username-headers
    runtime-config runtime-config-emulation-forward-compatible
    service-account-lookup service-account-signing-endpoint
    show-hidden-metrics-for-version shutdown-send-retry-after
    shutdown-watch-termination-grace-period storage-initialization-timeout
    strict-transport-security-directives tls-cipher-suites tls-curve-preferences
    tls-min-version tls-sni-cert-key tracing-config-file vmodule watch-cache watch-cache-sizes
    """.split()
)

#: Flags with values that describe what this server does anyway; they cause no warning.
DEFAULTS_IN_EFFECT: Final = frozenset(
    [
        ("disable-http2-serving", "true"),
        ("enable-garbage-collector", "true"),
        ("endpoint-reconciler-type", "lease"),
        ("logging-format", "text"),
        ("watch-cache", "true"),
        ("service-account-lookup", "true"),
    ]
)
