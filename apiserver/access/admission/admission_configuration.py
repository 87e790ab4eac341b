"""The AdmissionConfiguration of ``--admission-control-config-file``: settings of plugins.

Those of webhooks lead to a kubeconfig file, whose users are the server's identities, by address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from marshmallow import fields

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

_WEBHOOKS: Final = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")


class _Plugin(StrictSchema):
    name = Text()
    path = Text()
    configuration = fields.Raw(load_default=None, allow_none=True)


class _AdmissionConfiguration(StrictSchema):
    plugins = fields.List(fields.Nested(_Plugin), load_default=list, allow_none=True)


class _WebhookAdmission(StrictSchema):
    kube_config_file = Text(data_key="kubeConfigFile")


def load_webhook_credentials(path: Path) -> Mapping[str, Callable[[str], Credentials]]:
    """Return, by the name of the plugin, what finds the credentials for an address.

    Raises ConfigurationError and OSError.
    """
    versions = {"v1": _AdmissionConfiguration(), "v1alpha1": _AdmissionConfiguration()}
    found: dict[str, Callable[[str], Credentials]] = {}
    try:
        loaded = load_configuration(path.read_bytes(), "AdmissionConfiguration", versions)
        for plugin in loaded["plugins"] or ():
            users = _users(plugin, path.parent)
            if users is not None:
                found[plugin["name"]] = users
    except (ConfigurationError, KubeconfigError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return found


def _users(plugin: Mapping[str, Any], directory: Path) -> Callable[[str], Credentials] | None:
    name = plugin["name"]
    if name not in _WEBHOOKS:
        raise ConfigurationError(
            f"the configuration of the plugin {quote(name)} is not implemented"
        )
    data, where = b"", directory
    if plugin["configuration"] is not None:
        data = dump_json(plugin["configuration"])
    elif plugin["path"]:
        file = directory / plugin["path"]
        data, where = file.read_bytes(), file.parent
    if not data:
        return None
    versions = {"v1": _WebhookAdmission(), "v1alpha1": _WebhookAdmission()}
    loaded = load_configuration(data, "WebhookAdmissionConfiguration", versions)
    kubeconfig = loaded["kube_config_file"]
    return load_users(where / kubeconfig) if kubeconfig else None
