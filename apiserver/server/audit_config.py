"""Builds the auditor of a server from its flags and files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from apiserver.access.configuration_files import ConfigurationError
from apiserver.server.audit_flags import AuditFlags, BackendFlags

if TYPE_CHECKING:
    from apiserver.access.audit.auditor import AuditBackend, Auditor
    from apiserver.access.audit.event_buffer import BatchOptions

log = logging.getLogger(__name__)


def build_auditor(flags: AuditFlags) -> Auditor | None:
    """Return the auditor, ``None`` without a policy. Raises ConfigurationError and OSError."""
    given = flags.log_path or flags.webhook_config_file
    if not flags.policy_file:
        if given:
            log.warning("no audit policy file provided, no events will be recorded")
        return None
    # Imported by servers with a policy.
    from apiserver.access.audit.audit_policy_file import load_audit_policy
    from apiserver.access.audit.auditor import Auditor

    path = Path(flags.policy_file)
    try:
        policy = load_audit_policy(path.read_bytes())
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if not given:
        log.warning("an audit policy without --audit-log-path or --audit-webhook-config-file")
        return None
    backends = []
    if flags.log_path:
        backends.append(_log_backend(flags))
    if flags.webhook_config_file:
        backends.append(_webhook_backend(flags))
    return Auditor(policy, backends)


def _log_backend(flags: AuditFlags) -> AuditBackend:
    from apiserver.access.audit.audit_log import AuditLog, AuditLogOptions
    from apiserver.access.audit.auditor import AuditBackend
    from apiserver.access.audit.event_buffer import EventBuffer

    own = flags.log
    options = AuditLogOptions(
        flags.log_path,
        flags.log_maxsize,
        flags.log_maxage,
        flags.log_maxbackup,
        flags.log_compress,
        flags.log_format,
        own.truncate_max_event_size if own.truncate_enabled else 0,
    )
    written = AuditLog(options)
    buffer = EventBuffer(own.mode, _batches(own), written.deliver, "log")
    return AuditBackend(buffer, written.close)


def _webhook_backend(flags: AuditFlags) -> AuditBackend:
    from apiserver.access.audit.audit_webhook import AuditWebhook, AuditWebhookOptions
    from apiserver.access.audit.auditor import AuditBackend
    from apiserver.access.audit.event_buffer import EventBuffer
    from apiserver.client.kubeconfig_file import KubeconfigError, load_kubeconfig

    own = flags.webhook
    limits = (own.truncate_max_event_size, own.truncate_max_batch_size)
    options = AuditWebhookOptions(
        flags.webhook_initial_backoff, *(limits if own.truncate_enabled else ())
    )
    try:
        connection = load_kubeconfig(Path(flags.webhook_config_file))
    except KubeconfigError as error:
        raise ConfigurationError(str(error)) from error
    webhook = AuditWebhook(connection, options)
    buffer = EventBuffer(own.mode, _batches(own), webhook.deliver, "webhook")
    return AuditBackend(buffer, webhook.close)


def _batches(flags: BackendFlags) -> BatchOptions:
    from apiserver.access.audit.event_buffer import BatchOptions

    return BatchOptions(
        flags.batch_buffer_size,
        flags.batch_max_size,
        flags.batch_max_wait,
        flags.batch_throttle_enable,
        flags.batch_throttle_qps,
        flags.batch_throttle_burst,
    )
