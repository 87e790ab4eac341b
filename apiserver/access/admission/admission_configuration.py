"""The AdmissionConfiguration of ``--admission-control-config-file``: settings of plugins.

Those of webhooks lead to a kubeconfig file, whose users are the server's identities, by address.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from marshmallow import fields

from apiserver.access.admission.plugin_settings import (
    ImagePolicySettings,
    load_event_limits,
    load_image_policy,
    load_node_selectors,
    load_tolerations,
)
from apiserver.access.admission.plugins import (
    event_rate_limit,
    image_policy_webhook,
    pod_node_selector,
    pod_security,
    pod_toleration_restriction,
)
from apiserver.access.admission.plugins.event_rate_limit import EventLimit
from apiserver.access.admission.plugins.pod_security.policy import (
    NO_SETTINGS,
    PodSecuritySettings,
    default_labels,
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
from apiserver.client.kubeconfig_file import KubeconfigError, load_users
from apiserver.client.webhook import Credentials
from apiserver.machinery.documents import dump_json
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

# The members of the exemptions, in the order of those of `PodSecuritySettings`.
_EXEMPTIONS: Final = ("usernames", "runtimeClasses", "namespaces")
_WEBHOOKS: Final = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")


class _Plugin(StrictSchema):
    name = Text()
    path = Text()
    configuration = fields.Raw(load_default=None, allow_none=True)


class _AdmissionConfiguration(StrictSchema):
    plugins = fields.List(fields.Nested(_Plugin), load_default=list, allow_none=True)


def _texts() -> fields.List[str]:
    return fields.List(fields.String(), allow_none=True)


class _PodSecurityExemptions(StrictSchema):
    usernames = _texts()
    runtimeClasses = _texts()
    namespaces = _texts()


class _PodSecurity(StrictSchema):
    defaults = fields.Nested(
        StrictSchema.from_dict(
            {
                f"{mode}{suffix}": fields.String(allow_none=True)
                for mode in ("enforce", "audit", "warn")
                for suffix in ("", "-version")
            }
        ),
        load_default=dict,
        allow_none=True,
    )
    exemptions = fields.Nested(_PodSecurityExemptions, load_default=dict, allow_none=True)


class _WebhookAdmission(StrictSchema):
    kube_config_file = Text(data_key="kubeConfigFile")


@valueclass
class AdmissionSettings:
    """The settings of plugins.

    ``credentials``: by the name of a plugin, what finds those for the address of a webhook.
    """

    credentials: Mapping[str, Callable[[str], Credentials]] = field(default_factory=dict)
    pod_security: PodSecuritySettings = NO_SETTINGS
    node_selectors: Mapping[str, str] = field(default_factory=dict)
    tolerations: TolerationSettings = NO_TOLERATIONS
    event_limits: Sequence[EventLimit] = ()
    image_policy: ImagePolicySettings | None = None

    def check(self, names: Collection[str]) -> None:
        """Raise ConfigurationError if one of the plugins of these names needs a configuration."""
        for name, missing in (
            (event_rate_limit.NAME, not self.event_limits),
            (image_policy_webhook.NAME, self.image_policy is None),
        ):
            if missing and name in names:
                raise ConfigurationError(
                    f"couldn't init admission plugin {quote(name)}: no config specified"
                )


def load_admission_settings(path: Path) -> AdmissionSettings:
    """Return the settings in a file. Raises ConfigurationError and OSError."""
    versions = {"v1": _AdmissionConfiguration(), "v1alpha1": _AdmissionConfiguration()}
    credentials: dict[str, Callable[[str], Credentials]] = {}
    others: dict[str, Any] = {}
    try:
        loaded = load_configuration(path.read_bytes(), "AdmissionConfiguration", versions)
        for plugin in loaded["plugins"] or ():
            data, directory = _content(plugin, path.parent)
            name = plugin["name"]
            if name in _LOADERS:
                member, load = _LOADERS[name]
                others[member] = load(data, directory)
            else:
                credentials |= _users(name, data, directory)
    except (ConfigurationError, KubeconfigError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return AdmissionSettings(credentials, **others)


def _content(plugin: Mapping[str, Any], directory: Path) -> tuple[bytes, Path]:
    """Return the configuration of a plugin, and the directory of the files that it names."""
    if plugin["configuration"] is not None:
        return dump_json(plugin["configuration"]), directory
    if plugin["path"]:
        file = directory / plugin["path"]
        return file.read_bytes(), file.parent
    return b"", directory


def _users(name: str, data: bytes, directory: Path) -> dict[str, Callable[[str], Credentials]]:
    if name not in _WEBHOOKS:
        raise ConfigurationError(
            f"the configuration of the plugin {quote(name)} is not implemented"
        )
    if not data:
        return {}
    versions = {"v1": _WebhookAdmission(), "v1alpha1": _WebhookAdmission()}
    loaded = load_configuration(data, "WebhookAdmissionConfiguration", versions)
    kubeconfig = loaded["kube_config_file"]
    return {name: load_users(directory / kubeconfig)} if kubeconfig else {}


def _pod_security(data: bytes) -> PodSecuritySettings:
    if not data:
        return NO_SETTINGS
    versions = {name: _PodSecurity() for name in ("v1", "v1beta1", "v1alpha1")}
    loaded = load_configuration(
        data, "PodSecurityConfiguration", versions, "pod-security.admission.config.k8s.io"
    )
    try:
        defaults = default_labels({k: v for k, v in (loaded["defaults"] or {}).items() if v})
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    exempt = loaded["exemptions"] or {}
    return PodSecuritySettings(
        defaults, *(frozenset(exempt.get(name) or ()) for name in _EXEMPTIONS)
    )


# By plugin: the field of the settings, and the function that loads it.
_LOADERS: Final[Mapping[str, tuple[str, Callable[[bytes, Path], Any]]]] = {
    pod_security.NAME: ("pod_security", lambda data, _: _pod_security(data)),
    pod_node_selector.NAME: ("node_selectors", lambda data, _: load_node_selectors(data)),
    pod_toleration_restriction.NAME: ("tolerations", lambda data, _: load_tolerations(data)),
    event_rate_limit.NAME: ("event_limits", lambda data, _: load_event_limits(data)),
    image_policy_webhook.NAME: ("image_policy", load_image_policy),
}
