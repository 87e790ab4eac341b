"""The static validation of an AuthorizationConfiguration; conditions are compiled by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apiserver.access.authorization.authorization_configuration import (
    AuthorizationConfiguration,
    AuthorizerSettings,
    ConnectionInfo,
    WebhookSettings,
)
from apiserver.access.authorization.modes import ABAC, MODES, WEBHOOK
from apiserver.access.configuration_files import ConfigurationError
from apiserver.machinery.fielderrors import (
    FieldError,
    aggregate,
    duplicate,
    invalid,
    not_supported,
    required,
    too_many,
)
from apiserver.machinery.names import dns1123_subdomain_problems

if TYPE_CHECKING:
    from apiserver.access.authorization.review_conditions import ReviewConditions

_LONGEST_TIMEOUT: Final = 30.0
_MAX_CONDITIONS: Final = 64
_VERSIONS: Final = ("v1", "v1beta1")
_POLICIES: Final = ("NoOpinion", "Deny")
_IN_CLUSTER: Final = "InClusterConfig"
_BY_FILE: Final = "KubeConfigFile"


def check_authorizers(
    configuration: AuthorizationConfiguration,
) -> Sequence[ReviewConditions | None]:
    """Return the conditions of each authorizer, ``None`` for none.

    Raises ConfigurationError with all errors.
    """
    errors: list[FieldError] = []
    given = configuration.authorizers
    if not given:
        detail = "at least one authorization mode must be defined"
        errors.append(required("authorizers", detail))
    types: set[str] = set()
    names: set[str] = set()
    for index, each in enumerate(given):
        path = f"authorizers[{index}]"
        unusable = _validate_type(each.type, f"{path}.type", types)
        errors += unusable or _validate_authorizer(each, path, names)
    compiled = [
        _compiled(each.webhook.conditions, f"authorizers[{index}].matchConditions", errors)
        if each.webhook is not None and each.type == WEBHOOK
        else None
        for index, each in enumerate(given)
    ]
    if errors:
        raise ConfigurationError(aggregate(errors))
    return compiled


def _validate_type(type_: str, path: str, seen: set[str]) -> list[FieldError]:
    if not type_:
        return [required(path)]
    if type_ not in (*MODES, ABAC):
        return [not_supported(path, type_, sorted((*MODES, ABAC)))]
    if type_ == ABAC:
        return [invalid(path, type_, "this server has no policy files")]
    if type_ in seen and type_ != WEBHOOK:
        return [duplicate(path, type_)]
    seen.add(type_)
    return []


def _validate_authorizer(given: AuthorizerSettings, path: str, names: set[str]) -> list[FieldError]:
    errors = []
    problems = dns1123_subdomain_problems(given.name)
    if not given.name:
        errors.append(required(f"{path}.name"))
    elif given.name in names:
        errors.append(duplicate(f"{path}.name", given.name))
    elif problems:
        detail = f"authorizer name is invalid: {', '.join(problems)}"
        errors.append(invalid(f"{path}.name", given.name, detail))
    names.add(given.name)
    if given.type != WEBHOOK:
        if given.webhook is not None:
            detail = "may only be specified when type=Webhook"
            errors.append(invalid(f"{path}.webhook", "non-null", detail))
    elif given.webhook is None:
        errors.append(required(f"{path}.webhook", "required when type=Webhook"))
    else:
        errors += _validate_webhook(given.webhook, path)
    return errors


def _validate_webhook(given: WebhookSettings, path: str) -> list[FieldError]:
    # The paths do not name the member ``webhook``, as in Kubernetes.
    errors = []
    if not given.timeout:
        errors.append(required(f"{path}.timeout"))
    elif not 0 < given.timeout <= _LONGEST_TIMEOUT:
        shown = _seconds(given.timeout)
        errors.append(invalid(f"{path}.timeout", shown, "must be > 0s and <= 30s"))
    for member, seconds in (
        ("authorizedTTL", given.authorized_ttl), ("unauthorizedTTL", given.unauthorized_ttl),
    ):  # fmt: skip
        if seconds < 0:
            errors.append(invalid(f"{path}.{member}", _seconds(seconds), "must be > 0s"))
    errors += _validate_choice(
        given.review_version, f"{path}.subjectAccessReviewVersion", _VERSIONS
    )
    version, where = given.condition_review_version, "matchConditionSubjectAccessReviewVersion"
    if version:
        errors += _validate_choice(version, f"{path}.{where}", _VERSIONS[:1])
    elif given.conditions:
        detail = "required if match conditions are specified"
        errors.append(required(f"{path}.{where}", detail))
    errors += _validate_choice(given.failure_policy, f"{path}.failurePolicy", _POLICIES)
    return errors + _validate_connection(given.connection, f"{path}.connectionInfo")


def _validate_choice(value: str, path: str, choices: Sequence[str]) -> list[FieldError]:
    if not value:
        return [required(path)]
    return [] if value in choices else [not_supported(path, value, choices)]


def _validate_connection(given: ConnectionInfo, path: str) -> list[FieldError]:
    if given.type == _IN_CLUSTER:
        # The webhook would be this server itself.
        return [invalid(f"{path}.type", given.type, "not allowed for kube-apiserver")]
    if given.type != _BY_FILE:
        return _validate_choice(given.type, f"{path}.type", (_IN_CLUSTER, _BY_FILE))
    path, name = f"{path}.kubeConfigFile", given.kubeconfig_file
    if not name:
        return [required(path)]
    file = Path(name)
    if not file.is_absolute():
        return [invalid(path, name, "must be an absolute path")]
    try:
        regular = file.is_file() or not file.stat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return [invalid(path, name, f"error loading file: stat {name}: {reason}")]
    return [] if regular else [invalid(path, name, "must be a regular file")]


def _compiled(
    sources: Sequence[str], path: str, errors: list[FieldError]
) -> ReviewConditions | None:
    if len(sources) > _MAX_CONDITIONS:
        errors.append(too_many(path, len(sources), _MAX_CONDITIONS))
        return None
    if not sources:
        return None
    # The libraries of the language are imported for the first condition.
    from apiserver.access.authorization.review_conditions import ReviewConditions
    from apiserver.cel.errors import CompileError

    conditions = ReviewConditions()
    seen: set[str] = set()
    for index, source in enumerate(sources):
        where = f"{path}[{index}].expression"
        if not source.strip():
            errors.append(required(where))
        elif source in seen:
            errors.append(duplicate(where, source))
        else:
            seen.add(source)
            try:
                conditions.add(source)
            except CompileError as error:
                errors.append(invalid(where, source, str(error)))
    return conditions


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s"
