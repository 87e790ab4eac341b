"""PodSecurity: enforces the Pod Security Standards according to labels of the namespace.

There are three levels (privileged, baseline, restricted), each in the version that a label names.
Violations of the enforced level are rejected; violations of the level to warn about cause warnings.
Workloads cause only warnings, because their Pods are checked themselves.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.access.admission.chain import (
    CREATE,
    UPDATE,
    AdmissionAttributes,
    drop_annotation,
)
from apiserver.access.admission.plugins.pod_security.checks import Violation
from apiserver.access.admission.plugins.pod_security.existing_pods import (
    broken_rules,
    existing_pod_warnings,
    is_significant,
)
from apiserver.access.admission.plugins.pod_security.policy import (
    AUDIT,
    ENFORCE,
    MODES,
    NO_SETTINGS,
    PRIVILEGED,
    WARN,
    LevelVersion,
    PodSecuritySettings,
    effective_labels,
    has_no_labels,
    is_relaxed,
    policy_label_errors,
    policy_of,
    sets_mode,
)
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.errors import Invalid
from apiserver.machinery.fielderrors import aggregate
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of
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
_ANNOTATION: Final = "pod-security.kubernetes.io/"
_WRITES: Final = (CREATE, UPDATE)


class PodSecurityOfPods:
    """Rejects Pods that violate the enforced level, and warns about other violations."""

    name = NAME

    def __init__(self, settings: PodSecuritySettings = NO_SETTINGS) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if resource != PODS:
            return False
        if operation == CREATE:
            return not subresource
        return operation == UPDATE and subresource in ("", "ephemeralcontainers")

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod, old = attributes.object, attributes.old_object
        assert pod is not None
        if _is_exempt(self._settings, attributes, pod):
            return
        labels = _labels(reader.get(NAMESPACES, "", attributes.namespace), self._settings)
        if _is_privileged(labels, MODES):
            attributes.annotate(f"{_ANNOTATION}enforce-policy", str(LevelVersion(PRIVILEGED)))
            return
        if old is not None and not is_significant(pod, old):
            return
        _annotate_errors(attributes, labels)
        enforced = policy_of(labels, ENFORCE)
        attributes.annotate(f"{_ANNOTATION}enforce-policy", str(enforced))
        _audit(attributes, policy_of(labels, AUDIT), pod)
        broken = broken_rules(enforced, pod)
        if broken:
            raise attributes.forbidden(
                f"violates PodSecurity {quote(str(enforced))}: {_details(broken)}"
            )
        _warn(attributes, policy_of(labels, WARN), pod)


class PodSecurityOfWorkloads:
    """Warns about workloads whose Pods would violate a level."""

    name = NAME

    def __init__(self, settings: PodSecuritySettings = NO_SETTINGS) -> None:
        self._settings = settings

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        known = (resource.group, resource.resource) in _TEMPLATES
        return known and operation in _WRITES and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        template: Any = attributes.object
        for member in _TEMPLATES[attributes.gvr.group, attributes.gvr.resource]:
            template = (template or {}).get(member)
        if not template or template.get("spec") is None:
            return
        if _is_exempt(self._settings, attributes, template):
            return
        labels = _labels(reader.get(NAMESPACES, "", attributes.namespace), self._settings)
        if not _is_privileged(labels, (AUDIT, WARN)):
            _annotate_errors(attributes, labels)
            _audit(attributes, policy_of(labels, AUDIT), template)
            _warn(attributes, policy_of(labels, WARN), template)


class PodSecurityOfNamespaces:
    """Rejects invalid labels, and warns about Pods that a stricter level would reject."""

    name = NAME

    def __init__(self, settings: PodSecuritySettings = NO_SETTINGS) -> None:
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
        is_new = attributes.operation == CREATE
        new, old = policy_of(labels, ENFORCE), policy_of(before, ENFORCE)
        if not is_new and (new.level == PRIVILEGED or is_relaxed(new, old)):
            return
        if attributes.name in settings.namespaces:
            self._warn_of_exemption(attributes, labels)
        elif not is_new:
            pods = reader.list(PODS, attributes.name)
            for text in existing_pod_warnings(attributes.name, new, pods, settings):
                attributes.warn(text)

    def _warn_of_exemption(
        self, attributes: AdmissionAttributes, labels: Mapping[str, str]
    ) -> None:
        policies = {mode: policy_of(labels, mode) for mode in MODES}
        defaults = {mode: policy_of(self._settings.defaults, mode) for mode in MODES}
        if policies == defaults or all(p.level == PRIVILEGED for p in policies.values()):
            return
        own = metadata_of(attributes.object or {}).get("labels") or {}
        shown = ", ".join(
            f"{mode}={policy}"
            for mode, policy in policies.items()
            if policy.level != PRIVILEGED and sets_mode(own, mode)
        )
        attributes.warn(
            f"namespace {quote(attributes.name)} is exempt from Pod Security, and the policy "
            f"({shown}) will be ignored"
        )


def _labels(namespace: Object | None, settings: PodSecuritySettings) -> Mapping[str, str]:
    return effective_labels(metadata_of(namespace or {}).get("labels") or {}, settings.defaults)


def _is_exempt(settings: PodSecuritySettings, attributes: AdmissionAttributes, pod: Object) -> bool:
    if settings is NO_SETTINGS:
        return False
    if attributes.namespace in settings.namespaces:
        reason = "namespace"
    elif attributes.user.name in settings.usernames:
        reason = "user"
    elif pod["spec"].get("runtimeClassName") in settings.runtime_classes:
        reason = "runtimeClass"
    else:
        return False
    attributes.annotate(f"{_ANNOTATION}exempt", reason)
    return True


def _is_privileged(labels: Mapping[str, str], modes: Sequence[str]) -> bool:
    if has_no_labels(labels):
        return True
    levels = (policy_of(labels, mode).level for mode in modes)
    return all(level == PRIVILEGED for level in levels) and not policy_label_errors(labels)


def _annotate_errors(attributes: AdmissionAttributes, labels: Mapping[str, str]) -> None:
    errors = policy_label_errors(labels)
    if errors:
        attributes.annotate(f"{_ANNOTATION}error", f"Failed to parse policy: {aggregate(errors)}")


def _details(broken: list[Violation]) -> str:
    return ", ".join(v.reason + (f" ({v.detail})" if v.detail else "") for v in broken)


def _warn(attributes: AdmissionAttributes, policy: LevelVersion, pod: Object) -> None:
    broken = broken_rules(policy, pod)
    if broken:
        attributes.warn(_would_violate(policy, broken))


def _audit(attributes: AdmissionAttributes, policy: LevelVersion, pod: Object) -> None:
    # Without an audit of the request nothing has to be checked.
    if attributes.annotate is drop_annotation:
        return
    broken = broken_rules(policy, pod)
    if broken:
        attributes.annotate(f"{_ANNOTATION}audit-violations", _would_violate(policy, broken))


def _would_violate(policy: LevelVersion, broken: list[Violation]) -> str:
    return f"would violate PodSecurity {quote(str(policy))}: {_details(broken)}"
