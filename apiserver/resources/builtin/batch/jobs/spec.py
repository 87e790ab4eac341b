"""The rules of a Job's spec, in a Job and in the template of a CronJob."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.fielderrors import (
    FieldError,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.batch.jobs.policies import (
    validate_pod_failure_policy,
    validate_success_policy,
)
from apiserver.resources.builtin.parts.podtemplate import validate_pod_template
from apiserver.schema.internalform import internal_form

NON_INDEXED, INDEXED = "NonIndexed", "Indexed"
TERMINATING_OR_FAILED, FAILED = "TerminatingOrFailed", "Failed"
ALWAYS, ON_FAILURE, NEVER = "Always", "OnFailure", "Never"
_COUNTS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_MANY: Final = 100_000
_FEWER: Final = 10_000
_MAX_MANAGED_BY: Final = 63
_PATH: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_PATH_PATTERN: Final = re.compile(_PATH)


def validate_job_spec(spec: Object, old: Object | None, path: str) -> list[FieldError]:
    """Validate a spec, except for its selector; ``old``: the one it replaces."""
    errors = validate_counts(spec, _COUNTS, path)
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        detail = "when maxFailedIndexes is specified"
        errors.append(required(f"{path}.backoffLimitPerIndex", detail))
    errors += _validate_manager(spec.get("managedBy"), f"{path}.managedBy")
    errors += _validate_mode(spec, path)
    if "podFailurePolicy" in spec:
        errors += validate_pod_failure_policy(spec, f"{path}.podFailurePolicy")
    if "successPolicy" in spec:
        where = f"{path}.successPolicy"
        if spec.get("completionMode") == INDEXED:
            errors += validate_success_policy(spec, where)
        else:
            shown = internal_form("batch.v1.SuccessPolicy", spec["successPolicy"])
            errors.append(invalid(where, shown, "requires indexed completion mode"))
    errors += _validate_replacement(spec, f"{path}.podReplacementPolicy")
    before = old["template"] if old else None
    errors += validate_pod_template(spec["template"], f"{path}.template", before)
    return errors + _validate_restarts(spec, f"{path}.template.spec.restartPolicy")


def _validate_manager(name: str | None, path: str) -> list[FieldError]:
    if name is None:
        return []
    errors = _validate_domain_prefixed_path(name, path)
    if len(name.encode()) > _MAX_MANAGED_BY:
        errors.append(too_long(path, _MAX_MANAGED_BY))
    return errors


def _validate_domain_prefixed_path(value: str, path: str) -> list[FieldError]:
    if not value:
        return [required(path)]
    host, _, rest = value.partition("/")
    if not host or not rest:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid(path, value, detail)]
    errors = [invalid(path, host, problem) for problem in dns1123_subdomain_problems(host)]
    if not _PATH_PATTERN.fullmatch(rest):
        errors.append(invalid(path, rest, f"Invalid path (regex used for validation is '{_PATH}')"))
    return errors


def _validate_mode(spec: Object, path: str) -> list[FieldError]:
    mode = spec.get("completionMode")
    if mode == INDEXED:
        return _validate_indexed(spec, path)
    if mode not in (None, NON_INDEXED):
        return [not_supported(f"{path}.completionMode", mode, (NON_INDEXED, INDEXED))]
    return [
        invalid(f"{path}.{name}", spec[name], "requires indexed completion mode")
        for name in ("backoffLimitPerIndex", "maxFailedIndexes")
        if name in spec
    ]


def _validate_indexed(spec: Object, path: str) -> list[FieldError]:
    completions, parallelism = spec.get("completions"), spec.get("parallelism", 0)
    failures = spec.get("maxFailedIndexes")
    errors: list[FieldError] = []
    if completions is None:
        errors.append(required(f"{path}.completions", f"when completion mode is {INDEXED}"))
    if parallelism > _MANY:
        detail = f"must be less than or equal to {_MANY} when completion mode is {INDEXED}"
        errors.append(invalid(f"{path}.parallelism", parallelism, detail))
    where = f"{path}.maxFailedIndexes"
    if completions is not None and failures is not None and failures > completions:
        errors.append(invalid(where, failures, "must be less than or equal to completions"))
    if failures is not None and failures > _MANY:
        errors.append(invalid(where, failures, f"must be less than or equal to {_MANY}"))
    if completions is None or completions <= _MANY or "backoffLimitPerIndex" not in spec:
        return errors
    if failures is None:
        detail = f"must be specified when completions is above {_MANY}"
        errors.append(required(where, detail))
    fewer = (
        f"must be less than or equal to {_FEWER} when completions are above {_MANY} and used with "
        "backoff limit per index"
    )
    if parallelism > _FEWER:
        errors.append(invalid(f"{path}.parallelism", parallelism, fewer))
    if failures is not None and failures > _FEWER:
        errors.append(invalid(where, failures, fewer))
    return errors


def _validate_replacement(spec: Object, path: str) -> list[FieldError]:
    policy = spec.get("podReplacementPolicy")
    choices = (FAILED,) if "podFailurePolicy" in spec else (FAILED, TERMINATING_OR_FAILED)
    if policy is None or policy in choices:
        return []
    return [not_supported(path, policy, choices)]


def _validate_restarts(spec: Object, path: str) -> list[FieldError]:
    policy = spec["template"]["spec"].get("restartPolicy") or ""
    if policy in ("", ALWAYS):
        return [required(path, f'valid values: "{ON_FAILURE}", "{NEVER}"')]
    if policy not in (ON_FAILURE, NEVER):
        return [not_supported(path, policy, (ON_FAILURE, NEVER))]
    if "podFailurePolicy" in spec and policy != NEVER:
        detail = f'only "{NEVER}" is supported when podFailurePolicy is specified'
        return [invalid(path, policy, detail)]
    return []


def warnings_for_job_spec(spec: Object, path: str) -> list[str]:
    """Return the warnings for a spec that is valid but may not work."""
    if spec.get("completionMode") != INDEXED:
        return []
    if spec.get("completions", 0) <= _MANY or spec.get("parallelism", 0) <= _FEWER:
        return []
    return [
        f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism "
        "higher than 10^4, Kubernetes might not be able to track completedIndexes when a big "
        "number of indexes fail"
    ]
