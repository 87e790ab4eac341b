"""Rules of the conversion between the versions of a custom kind (KEP-598)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.admissionregistration.webhooks import (
    REVIEW_VERSIONS,
    validate_client_config,
    validate_review_versions,
)
from apiserver.resources.builtin.apiextensions.crds import is_established, spec_of
from apiserver.resources.builtin.certificates import pem

NONE, WEBHOOK = "None", "Webhook"
_UNUSED: Final = "should not be set when strategy is not set to Webhook"

Conversion = Mapping[str, Any]


def conversion_of(crd: Object) -> Conversion:
    """Return the conversion of a definition."""
    return spec_of(crd).get("conversion") or {}


def has_valid_ca_bundle(crd: Object) -> bool:
    """Return whether the CA bundle of a conversion webhook is valid; an empty one is."""
    return not _ca_bundle_problem(_client_config(conversion_of(crd)).get("caBundle") or "")


def validate_conversion(
    conversion: Conversion, path: str, old: Object | None = None
) -> list[FieldError]:
    """Validate a conversion; ``old`` is the definition before an update.

    An update may keep a violation that is older than the rule. A definition that is not established
    yet may have an invalid CA bundle, because a controller often sets it later.
    """
    strategy = conversion.get("strategy", "")
    if not strategy:
        errors = [required(f"{path}.strategy")]
    elif strategy not in (NONE, WEBHOOK):
        errors = [not_supported(f"{path}.strategy", strategy, (NONE, WEBHOOK))]
    else:
        errors = []
    webhook = conversion.get("webhook") or {}
    versions = webhook.get("conversionReviewVersions") or []
    config, where = webhook.get("clientConfig"), f"{path}.webhookClientConfig"
    listed = f"{path}.conversionReviewVersions"
    if strategy != WEBHOOK:
        errors += [forbidden(where, _UNUSED)] if config is not None else []
        return errors + ([forbidden(listed, _UNUSED)] if versions else [])
    if config is None:
        errors.append(required(where, "required when strategy is set to Webhook"))
    else:
        errors += validate_client_config(config, where)
        if not _may_have_invalid_ca_bundle(old):
            errors += _validate_ca_bundle(config.get("caBundle") or "", f"{where}.caBundle")
    if not versions:
        return [*errors, required(listed)]
    return errors + validate_review_versions(versions, listed, recognized=_must_recognize(old))


def _must_recognize(old: Object | None) -> bool:
    webhook = conversion_of(old or {}).get("webhook") or {}
    versions = webhook.get("conversionReviewVersions")
    return not versions or not set(versions).isdisjoint(REVIEW_VERSIONS)


def _may_have_invalid_ca_bundle(old: Object | None) -> bool:
    return old is None or not is_established(old) or not has_valid_ca_bundle(old)


def _validate_ca_bundle(bundle: str, path: str) -> list[FieldError]:
    problem = _ca_bundle_problem(bundle)
    return [invalid(path, bundle, problem)] if problem else []


def _ca_bundle_problem(bundle: str) -> str:
    """Return why the base64 of a CA bundle is invalid, ``""`` if it has any certificate."""
    data, at, problem = b64decode(bundle), 0, ""
    if not data:
        return ""
    # Imported with the first bundle: it takes longer than the rest of the module.
    from apiserver.resources.builtin.certificates.der import single_certificate_problem

    while at < len(data):
        block = pem.decode(data, at)
        if block is None:
            problem = problem or "unable to parse bytes as PEM block"
            break
        at = block.rest
        if block.type != b"CERTIFICATE" or block.has_headers:
            continue
        unparsable = single_certificate_problem(block.content)
        if not unparsable:
            return ""
        problem = problem or f"failed to parse certificate: {unparsable}"
    problem = problem or "no valid certificate authority data seen"
    return f"unable to load root certificates: {problem}"


def _client_config(conversion: Conversion) -> Mapping[str, Any]:
    return (conversion.get("webhook") or {}).get("clientConfig") or {}
