"""The settings of single plugins in the AdmissionConfiguration, other than PodSecurity's.

Those of PodNodeSelector and ImagePolicyWebhook have neither apiVersion nor kind, and members that
they do not know are ignored, as in Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from marshmallow import fields, validate

from apiserver.access.admission.plugins.event_rate_limit import (
    DEFAULT_CACHE_SIZE,
    KEYS,
    SERVER,
    EventLimit,
)
from apiserver.access.admission.plugins.pod_toleration_restriction import (
    NO_TOLERATIONS,
    TolerationSettings,
)
from apiserver.access.configuration_files import (
    ConfigurationError,
    StrictSchema,
    Text,
    load_configuration,
)
from apiserver.client.kubeconfig_file import KubeconfigConnection, load_kubeconfig
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_yaml
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.fielderrors import FieldError, aggregate, invalid, not_supported
from apiserver.machinery.times import format_duration
from apiserver.machinery.valueclasses import valueclass

_MINUTE: Final = 60.0
_LONGEST_TTL, _LONGEST_PAUSE = 30 * _MINUTE, 5 * _MINUTE
_EFFECTS: Final = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS: Final = ("", "Equal", "Exists")


@valueclass
class ImagePolicySettings:
    """The connection of ImagePolicyWebhook, and its times in seconds."""

    connection: KubeconfigConnection
    allow_ttl: float
    deny_ttl: float
    first_pause: float
    default_allow: bool


class _Toleration(StrictSchema):
    key = fields.String()
    operator = fields.String(validate=validate.OneOf(_OPERATORS))
    value = fields.String()
    effect = fields.String(validate=validate.OneOf(_EFFECTS))
    tolerationSeconds = fields.Integer(strict=True)


class _Tolerations(StrictSchema):
    default = fields.List(fields.Nested(_Toleration), load_default=list, allow_none=True)
    whitelist = fields.List(fields.Nested(_Toleration), load_default=list, allow_none=True)


class _Limit(StrictSchema):
    type = Text()
    qps = fields.Integer(strict=True, load_default=0)
    burst = fields.Integer(strict=True, load_default=0)
    cacheSize = fields.Integer(strict=True, load_default=0)


class _Limits(StrictSchema):
    limits = fields.List(fields.Nested(_Limit), load_default=list, allow_none=True)


def load_tolerations(data: bytes) -> TolerationSettings:
    """Return the settings of PodTolerationRestriction. Raises ConfigurationError."""
    if not data:
        return NO_TOLERATIONS
    group = "podtolerationrestriction.admission.k8s.io"
    loaded = load_configuration(data, "Configuration", {"v1alpha1": _Tolerations()}, group)
    return TolerationSettings(loaded["default"] or (), loaded["whitelist"] or ())


def load_event_limits(data: bytes) -> Sequence[EventLimit]:
    """Return the limits of EventRateLimit, at least one. Raises ConfigurationError."""
    group = "eventratelimit.admission.k8s.io"
    loaded: dict[str, Any] = (
        load_configuration(data, "Configuration", {"v1alpha1": _Limits()}, group) if data else {}
    )
    limits = loaded.get("limits") or []
    errors = [] if limits else [invalid("limits", None, "must not be empty")]
    for index, limit in enumerate(limits):
        errors += _limit_errors(limit, f"limits[{index}]")
    if errors:
        raise ConfigurationError(aggregate(errors))
    return [
        EventLimit(
            each["type"], each["qps"], each["burst"], each["cacheSize"] or DEFAULT_CACHE_SIZE
        )
        for each in limits
    ]


def _limit_errors(limit: Mapping[str, Any], path: str) -> list[FieldError]:
    errors = []
    if limit["type"] not in KEYS:
        errors.append(not_supported(f"{path}.type", limit["type"], sorted(KEYS)))
    errors += [
        invalid(f"{path}.{member}", limit[member], "must be positive")
        for member in ("burst", "qps")
        if limit[member] <= 0
    ]
    if limit["type"] != SERVER and limit["cacheSize"] < 0:
        errors.append(invalid(f"{path}.cacheSize", limit["cacheSize"], "must not be negative"))
    return errors


def load_node_selectors(data: bytes) -> dict[str, str]:
    """Return the selectors of PodNodeSelector, by namespace. Raises ConfigurationError."""
    selectors = _member(data, "podNodeSelectorPluginConfig")
    if not all(isinstance(value, str) for value in selectors.values()):
        raise ConfigurationError("podNodeSelectorPluginConfig: Not a mapping of strings.")
    return selectors


def load_image_policy(data: bytes, directory: Path) -> ImagePolicySettings:
    """Return the settings of ImagePolicyWebhook.

    Raises ConfigurationError, KubeconfigError and OSError.
    """
    if not data:
        raise ConfigurationError("no config specified")
    loaded = _member(data, "imagePolicy")
    pause = _seconds(loaded, "retryBackoff", 0.001, 0.5, (1e-9, _LONGEST_PAUSE))
    allow = _seconds(loaded, "allowTTL", 1.0, 5 * _MINUTE, (1.0, _LONGEST_TTL))
    deny = _seconds(loaded, "denyTTL", 1.0, 30.0, (1.0, _LONGEST_TTL))
    file, default_allow = loaded.get("kubeConfigFile") or "", loaded.get("defaultAllow") or False
    if not isinstance(file, str) or not isinstance(default_allow, bool):
        raise ConfigurationError("imagePolicy: a member is of another type")
    return ImagePolicySettings(load_kubeconfig(directory / file), allow, deny, pause, default_allow)


def _seconds(
    loaded: Mapping[str, Any],
    member: str,
    unit: float,
    default: float,
    bounds: tuple[float, float],
) -> float:
    """Return a time in seconds; 0 stands for the default, -1 for no time at all."""
    value = loaded.get(member) or 0
    if type(value) is not int:
        raise ConfigurationError(f"imagePolicy.{member}: Not a valid integer.")
    if value in (0, -1):
        return 0.0 if value else default
    seconds = value * unit
    low, high = bounds
    if not low < seconds <= high:
        shown = [format_duration(round(each * 1e9)) for each in (low, high, seconds)]
        raise ConfigurationError(
            f"valid value is between {shown[0]} and {shown[1]}, got {shown[2]}"
        )
    return seconds


def _member(data: bytes, name: str) -> dict[str, Any]:
    if not data:
        return {}
    try:
        document, _ = parse_yaml(data)
    except (DocumentError, RequestEntityTooLarge) as error:
        raise ConfigurationError(str(error)) from error
    found = (document.get(name) if isinstance(document, dict) else None) or {}
    if not isinstance(found, dict):
        raise ConfigurationError(f"{name}: Not a mapping.")
    return found
