"""The flags of audit, with their defaults and valid values: those of kube-apiserver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from apiserver.access.configuration_files import Duration
from apiserver.machinery.valueclasses import valueclass
from apiserver.server.flag_fields import Boolean, count_field

_MODES: Final = ("batch", "blocking", "blocking-strict")
_FORMATS: Final = ("json", "legacy")
_VERSION: Final = "audit.k8s.io/v1"

#: One row per flag, as in `apiserver.server.cli`; the batches of both backends have more.
AUDIT_FLAGS: Final[Sequence[tuple[str, str | None, str]]] = (
    ("audit-policy-file", "FILE", "The Policy that says which requests are audited."),
    ("audit-log-path", "FILE", "Write events to this file; - is the standard output."),
    ("audit-log-format", "NAME", "json or legacy. (json)"),
    ("audit-log-maxsize", "MB", "The size at which the file is rotated. (100)"),
    ("audit-log-maxage", "DAYS", "Remove rotated files that are older. (0: keep them)"),
    ("audit-log-maxbackup", "N", "Remove all but so many rotated files. (0: keep them)"),
    ("audit-log-compress", None, "Compress rotated files. (false)"),
    ("audit-log-mode", "NAME", "batch, blocking or blocking-strict. (blocking)"),
    ("audit-webhook-config-file", "FILE", "Send events to the server of this kubeconfig."),
    ("audit-webhook-mode", "NAME", "batch, blocking or blocking-strict. (batch)"),
    ("audit-webhook-initial-backoff", "TIME", "The pause before the first repetition. (10s)"),
    *(
        (f"audit-{backend}-{name}", metavar, text)
        for backend in ("log", "webhook")
        for name, metavar, text in (
            ("batch-buffer-size", "N", "Events that wait at most, in the mode batch. (10000)"),
            ("batch-max-size", "N", "The size of a batch. (log 1, webhook 400)"),
            ("batch-max-wait", "TIME", "How long a batch waits to be full. (log 0s, webhook 30s)"),
            ("batch-throttle-enable", None, "Limit batches per second. (log false, webhook true)"),
            ("batch-throttle-qps", "N", "Batches per second. (webhook 10)"),
            ("batch-throttle-burst", "N", "Batches at once. (webhook 15)"),
            ("truncate-enabled", None, "Shorten events and batches. (false)"),
            ("truncate-max-batch-size", "BYTES", "The size of a batch. (10485760)"),
            ("truncate-max-event-size", "BYTES", "The size of an event. (102400)"),
            ("version", "NAME", f"{_VERSION} is the only one."),
        )
    ),
)


@valueclass
class BackendFlags:
    """The flags that both backends have; times in seconds, sizes in bytes."""

    mode: str
    batch_buffer_size: int
    batch_max_size: int
    batch_max_wait: float
    batch_throttle_enable: bool
    batch_throttle_qps: float
    batch_throttle_burst: int
    truncate_enabled: bool
    truncate_max_batch_size: int
    truncate_max_event_size: int


@valueclass
class AuditFlags:
    """The values of all flags. The log's size is in megabytes, its age in days."""

    policy_file: str
    log_path: str
    log_format: str
    log_maxsize: int
    log_maxage: int
    log_maxbackup: int
    log_compress: bool
    webhook_config_file: str
    webhook_initial_backoff: float
    log: BackendFlags
    webhook: BackendFlags


def _rate(default: float) -> fields.Float:
    messages: Any = {"invalid": "must be a number"}
    return fields.Float(load_default=default, error_messages=messages)


def _one_of(default: str, names: Sequence[str]) -> fields.String:
    known = validate.OneOf(names, error=f"must be one of {', '.join(names)}")
    return fields.String(load_default=default, validate=known)


class _BackendSchema(Schema):
    class Meta:
        """The rest are flags of one backend."""

        unknown = EXCLUDE

    batch_buffer_size = count_field(10_000, 1)
    truncate_enabled = Boolean(load_default=False)
    truncate_max_batch_size = count_field(10 << 20, 1)
    truncate_max_event_size = count_field(100 << 10, 1)
    version = _one_of(_VERSION, [_VERSION])

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> BackendFlags:
        """Return the values. Raises ValidationError."""
        del data["version"]
        flags = BackendFlags(**data)
        if flags.truncate_max_event_size > flags.truncate_max_batch_size:
            problem = "must not exceed the size of a batch"
            raise ValidationError(problem, "truncate_max_event_size")
        if flags.batch_throttle_enable and flags.batch_throttle_qps <= 0:
            problem = "must be positive where batches are limited"
            raise ValidationError(problem, "batch_throttle_qps")
        return flags


class _LogSchema(_BackendSchema):
    mode = _one_of("blocking", _MODES)
    batch_max_size = count_field(1, 1)
    batch_max_wait = Duration(load_default=0.0)
    batch_throttle_enable = Boolean(load_default=False)
    batch_throttle_qps = _rate(0.0)
    batch_throttle_burst = count_field(0, 0)


class _WebhookSchema(_BackendSchema):
    mode = _one_of("batch", _MODES)
    batch_max_size = count_field(400, 1)
    batch_max_wait = Duration(load_default=30.0)
    batch_throttle_enable = Boolean(load_default=True)
    batch_throttle_qps = _rate(10.0)
    batch_throttle_burst = count_field(15, 0)


class _AuditSchema(Schema):
    class Meta:
        """The rest are flags of both backends, and of other things than audit."""

        unknown = EXCLUDE

    policy_file = fields.String(load_default="")
    log_path = fields.String(load_default="")
    log_format = _one_of("json", _FORMATS)
    log_maxsize = count_field(0, 0)
    log_maxage = count_field(0, 0)
    log_maxbackup = count_field(0, 0)
    log_compress = Boolean(load_default=False)
    webhook_config_file = fields.String(load_default="")
    webhook_initial_backoff = Duration(load_default=10.0)


def load_audit_flags(given: Mapping[str, Any]) -> AuditFlags:
    """Validate flags, named in Python's spelling. Raises ValidationError."""
    return AuditFlags(
        **_load(_AuditSchema(), given, "audit_"),
        log=_load(_LogSchema(), given, "audit_log_"),
        webhook=_load(_WebhookSchema(), given, "audit_webhook_"),
    )


def _load(schema: Schema, given: Mapping[str, Any], prefix: str) -> Any:
    own = {
        name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)
    }
    try:
        return schema.load(own)
    except ValidationError as error:
        named = {f"{prefix}{name}": messages for name, messages in error.messages_dict.items()}
        raise ValidationError(named) from error


NO_AUDIT: Final = load_audit_flags({})
