"""Mutating and validating webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1035_label_problems, dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.urls import URLError, parse_url
from apiserver.resources.builtin.admissionregistration.policies import validate_conditions
from apiserver.resources.builtin.admissionregistration.rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION_POLICIES,
    default_match,
    default_rules,
    validate_choice,
    validate_rule,
    validate_selectors,
)
from apiserver.resources.builtin.parts.names import port_number_problems
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import WHOLE, Strategy

_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
#: The versions of AdmissionReview and ConversionReview that the server can send.
REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_LONGEST, _DEFAULT_TIMEOUT = 30, 10
_HTTPS: Final = 443
_FORM: Final = "; desired format: https://host[/path]"


def _cells(document: Object) -> list[Any]:
    return [len(document.get("webhooks") or ())]


class WebhookConfigurationStrategy(Strategy):
    """A configuration lists webhooks."""

    metadata_checks = (WHOLE,)
    qualifies_finalizers = False
    allow_unconditional_update = False
    generation_of = ("webhooks",)
    printer = aged(
        (
            Column(
                "Webhooks",
                "Webhooks indicates the number of webhooks registered in this configuration",
                type="integer",
            ),
        ),
        _cells,
    )
    #: Whether the webhooks change objects and may therefore be reinvoked.
    mutating = False

    @property
    def validates_slowly(self) -> bool:
        return True

    def default(self, document: Object) -> None:
        for hook in document.get("webhooks") or ():
            hook.setdefault("failurePolicy", "Fail")
            default_match(hook)
            hook.setdefault("timeoutSeconds", _DEFAULT_TIMEOUT)
            if self.mutating:
                hook.setdefault("reinvocationPolicy", "Never")
            default_rules(hook.get("rules"))
            service = (hook.get("clientConfig") or {}).get("service")
            if service is not None:
                service.setdefault("port", _HTTPS)

    def validate(self, document: Object) -> list[FieldError]:
        errors: list[FieldError] = []
        names: set[str] = set()
        for index, hook in enumerate(document.get("webhooks") or ()):
            path, name = f"webhooks[{index}]", hook.get("name", "")
            errors += _validate_hook(hook, path)
            errors += _validate_versions(hook, f"{path}.admissionReviewVersions")
            if name and name in names:
                errors.append(duplicate(f"{path}.name", name))
            names.add(name)
        return errors


def _validate_hook(hook: dict[str, Any], path: str) -> list[FieldError]:
    errors = _validate_name(hook.get("name", ""), f"{path}.name")
    for index, rule in enumerate(hook.get("rules") or ()):
        errors += validate_rule(rule, f"{path}.rules[{index}]")
    errors += validate_choice(hook.get("failurePolicy"), FAILURE_POLICIES, f"{path}.failurePolicy")
    errors += validate_choice(hook.get("matchPolicy"), MATCH_POLICIES, f"{path}.matchPolicy")
    effects, seconds = hook.get("sideEffects"), hook.get("timeoutSeconds")
    if effects is None:
        detail = f"must specify one of {', '.join(_SIDE_EFFECTS)}"
        errors.append(required(f"{path}.sideEffects", detail))
    elif effects not in _SIDE_EFFECTS:
        errors.append(not_supported(f"{path}.sideEffects", effects, _SIDE_EFFECTS))
    if seconds is not None and not 1 <= seconds <= _LONGEST:
        detail = f"the timeout value must be between 1 and {_LONGEST} seconds"
        errors.append(invalid(f"{path}.timeoutSeconds", seconds, detail))
    errors += validate_selectors(hook, path)
    policy = hook.get("reinvocationPolicy")
    errors += validate_choice(policy, REINVOCATION_POLICIES, f"{path}.reinvocationPolicy")
    errors += validate_client_config(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    conditions = hook.get("matchConditions") or []
    return errors + validate_conditions(conditions, f"{path}.matchConditions")


def _validate_name(name: str, path: str) -> list[FieldError]:
    if not name:
        return [required(path)]
    problems = dns1123_subdomain_problems(name)
    if problems:
        return [invalid(path, name, ",".join(problems))]
    if name.count(".") < 2:
        detail = "should be a domain with at least three segments separated by dots"
        return [invalid(path, name, detail)]
    return []


def _validate_versions(hook: dict[str, Any], path: str) -> list[FieldError]:
    versions = hook.get("admissionReviewVersions") or []
    if not versions:
        return [required(path, f"must specify one of {', '.join(REVIEW_VERSIONS)}")]
    return validate_review_versions(versions, path)


def validate_review_versions(
    versions: Sequence[str], path: str, *, recognized: bool = True
) -> list[FieldError]:
    """Validate the versions of a review that a webhook understands.

    ``recognized``: at least one of them must be one that the server can send.
    """
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        where = f"{path}[{index}]"
        if version in seen:
            errors.append(invalid(where, version, "duplicate version"))
            continue
        seen.add(version)
        errors += [invalid(where, version, problem) for problem in dns1035_label_problems(version)]
    if recognized and seen.isdisjoint(REVIEW_VERSIONS):
        detail = f"must include at least one of {', '.join(REVIEW_VERSIONS)}"
        errors.append(invalid(path, list(versions), detail))
    return errors


def validate_client_config(config: dict[str, Any], path: str) -> list[FieldError]:
    """Validate the clientConfig of a webhook: a URL or a Service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if url is not None:
        return _validate_url(url, f"{path}.url")
    assert service is not None
    return _validate_service(service, f"{path}.service")


def _validate_url(url: str, path: str) -> list[FieldError]:
    try:
        parts = parse_url(url)
    except URLError as error:
        return [required(path, f"url must be a valid URL: {error}{_FORM}")]
    errors = []
    if parts.scheme != "https":
        detail = f"'https' is the only allowed URL scheme{_FORM}"
        errors.append(invalid(path, parts.scheme, detail))
    if not parts.host:
        errors.append(invalid(path, "", f"host must be specified{_FORM}"))
    unwanted = (
        (parts.user, "user information is"),
        (parts.fragment, "fragments are"),
        (parts.query, "query parameters are"),
    )
    errors += [
        invalid(path, text, f"{what} not permitted in the URL") for text, what in unwanted if text
    ]
    return errors


def _validate_service(service: dict[str, Any], path: str) -> list[FieldError]:
    # Kubernetes takes the one for the other.
    members = (("name", "namespace"), ("namespace", "name"))
    errors = [required(f"{path}.{called}") for called, member in members if not service.get(member)]
    port, where = service.get("port", 0), service.get("path")
    problems = port_number_problems(port)
    if problems:
        errors.append(invalid(f"{path}.port", port, f"port is not valid: {','.join(problems)}"))
    return errors if not where or where == "/" else errors + _validate_path(where, f"{path}.path")


def _validate_path(text: str, path: str) -> list[FieldError]:
    if text == "//":
        return [invalid(path, text, "segment[0] may not be empty")]
    errors = [] if text.startswith("/") else [invalid(path, text, "must start with a '/'")]
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            errors.append(invalid(path, text, f"segment[{index}] may not be empty"))
            continue
        problems = dns1123_subdomain_problems(step)
        errors += [invalid(path, text, f"segment[{index}]: {problem}") for problem in problems]
    return errors
