"""PodSecurity: enforces the Pod Security Standards according to labels of the namespace.

There are three levels (privileged, baseline, restricted), each in the version that a label names.
Violations of the enforced level are rejected; violations of the level to warn about cause warnings.
Workloads cause only warnings, because their Pods are checked themselves.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.access.admission.chain import (
    CREATE,
    UPDATE,
    AdmissionAttributes,
    drop_annotation,
)
from apiserver.access.admission.plugins.pod_security.checks import Violation, violations
from apiserver.access.admission.plugins.pod_security.policy import (
    AUDIT,
    ENFORCE,
    NO_SETTINGS,
    PRIVILEGED,
    WARN,
    Policy,
    Settings,
    is_relaxed,
    policy_label_errors,
    policy_of,
)
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.errors import Invalid
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of, name_of
from apiserver.machinery.quoting import quote

NAME: Final = "PodSecurity"
# Workload resources, and the path of their Pod template.
_TEMPLATES: Final = {
    ("", "podtemplates"): ("template",),
    ("", "replicationcontrollers"): ("spec", "template"),
    ("apps", "daemonsets"): ("spec", "template"),
    ("apps", "deployments"): ("spec", "template"),
    ("apps", "replicasets"): ("spec", "template"),
    ("apps", "statefulsets"): ("spec", "template"),
    ("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "jobs"): ("spec", "template"),
}
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_ANNOTATION: Final = "pod-security.kubernetes.io/"
_WRITES: Final = (CREATE, UPDATE)


class PodSecurityOfPods:
    """Rejects Pods that violate the enforced level, and warns about other violations."""

    name = NAME

    def __init__(self, settings: Settings = NO_SETTINGS) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if resource != PODS:
            return False
        if operation == CREATE:
            return not subresource
        return operation == UPDATE and subresource in ("", "ephemeralcontainers")

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod, old = attributes.object, attributes.old_object
        labels = _labels(reader.get(NAMESPACES, "", attributes.namespace), self._settings)
        if pod is None or not labels or (old is not None and not _is_significant(pod, old)):
            return
        if _is_exempt(self._settings, attributes, pod):
            return
        enforced = policy_of(labels, ENFORCE)
        attributes.annotate(f"{_ANNOTATION}enforce-policy", str(enforced))
        broken = _broken(enforced, pod)
        if broken:
            raise attributes.forbidden(
                f"violates PodSecurity {quote(str(enforced))}: {_details(broken)}"
            )
        _audit(attributes, policy_of(labels, AUDIT), pod)
        _warn(attributes, policy_of(labels, WARN), pod)


class PodSecurityOfWorkloads:
    """Warns about workloads whose Pods would violate a level."""

    name = NAME

    def __init__(self, settings: Settings = NO_SETTINGS) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        known = (resource.group, resource.resource) in _TEMPLATES
        return known and operation in _WRITES and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        template: Any = attributes.object
        for member in _TEMPLATES[attributes.gvr.group, attributes.gvr.resource]:
            template = (template or {}).get(member)
        labels = _labels(reader.get(NAMESPACES, "", attributes.namespace), self._settings)
        if not template or template.get("spec") is None or not labels:
            return
        if not _is_exempt(self._settings, attributes, template):
            _audit(attributes, policy_of(labels, AUDIT), template)
            _warn(attributes, policy_of(labels, WARN), template)


class PodSecurityOfNamespaces:
    """Rejects invalid labels, and warns about Pods that a stricter level would reject."""

    name = NAME

    def __init__(self, settings: Settings = NO_SETTINGS) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == NAMESPACES and operation in _WRITES and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        settings = self._settings
        labels = _labels(attributes.object, settings)
        before = _labels(attributes.old_object, settings)
        errors = policy_label_errors(labels)
        if errors and errors != policy_label_errors(before):
            raise Invalid.of(attributes.gvk, attributes.name, errors)
        new, old = policy_of(labels, ENFORCE), policy_of(before, ENFORCE)
        if attributes.operation == CREATE or new.level == PRIVILEGED or is_relaxed(new, old):
            return
        if attributes.name in settings.namespaces:
            return
        _warn_of_existing(attributes, new, reader)


def _labels(namespace: Object | None, settings: Settings) -> Mapping[str, str]:
    labels: dict[str, str] = metadata_of(namespace or {}).get("labels") or {}
    return {**settings.defaults, **labels} if settings.defaults else labels


def _is_exempt(settings: Settings, attributes: AdmissionAttributes, pod: Object) -> bool:
    return settings is not NO_SETTINGS and (
        attributes.namespace in settings.namespaces
        or attributes.user.name in settings.usernames
        or pod["spec"].get("runtimeClassName") in settings.runtime_classes
    )


def _broken(policy: Policy, pod: Object) -> list[Violation]:
    if policy.level == PRIVILEGED:
        return []
    return violations(policy, pod.get("metadata") or {}, pod["spec"])


def _details(broken: list[Violation]) -> str:
    return ", ".join(v.reason + (f" ({v.detail})" if v.detail else "") for v in broken)


def _warn(attributes: AdmissionAttributes, policy: Policy, pod: Object) -> None:
    broken = _broken(policy, pod)
    if broken:
        attributes.warn(_would_violate(policy, broken))


def _audit(attributes: AdmissionAttributes, policy: Policy, pod: Object) -> None:
    # Without an audit of the request nothing has to be checked.
    if attributes.annotate is drop_annotation:
        return
    broken = _broken(policy, pod)
    if broken:
        attributes.annotate(f"{_ANNOTATION}audit-violations", _would_violate(policy, broken))


def _would_violate(policy: Policy, broken: list[Violation]) -> str:
    return f"would violate PodSecurity {quote(str(policy))}: {_details(broken)}"


def _warn_of_existing(attributes: AdmissionAttributes, policy: Policy, reader: Reader) -> None:
    by_reasons: dict[str, list[str]] = {}
    for pod in reader.list(PODS, attributes.name):
        broken = _broken(policy, pod)
        if broken:
            reasons = ", ".join(violation.reason for violation in broken)
            by_reasons.setdefault(reasons, []).append(name_of(pod))
    if not by_reasons:
        return
    attributes.warn(
        f"existing pods in namespace {quote(attributes.name)} violate the new PodSecurity "
        f"enforce level {quote(str(policy))}"
    )
    for reasons, (first, *others) in by_reasons.items():
        more = ""
        if others:
            more = f" (and {len(others)} other pod{'s' if len(others) > 1 else ''})"
        attributes.warn(f"{first}{more}: {reasons}")


def _is_significant(pod: Object, old: Object) -> bool:
    # Of the fields that the standards check, only these can change in an existing Pod.
    ephemeral, before = (
        [(c["name"], c.get("securityContext")) for c in d["spec"].get("ephemeralContainers") or ()]
        for d in (pod, old)
    )
    return ephemeral != before or _app_armor_annotations(pod) != _app_armor_annotations(old)


def _app_armor_annotations(pod: Object) -> dict[str, str]:
    annotations = metadata_of(pod).get("annotations") or {}
    return {key: value for key, value in annotations.items() if key.startswith(_APP_ARMOR)}
