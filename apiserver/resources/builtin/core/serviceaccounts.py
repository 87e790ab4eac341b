"""ServiceAccount."""

from __future__ import annotations

from typing import Final

from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import Strategy

_ENFORCED: Final = "kubernetes.io/enforce-mountable-secrets"
_ENFORCED_WARNING: Final = (
    f"metadata.annotations[{_ENFORCED}]: deprecated in v1.32+; prefer separate namespaces to "
    "isolate access to mounted secrets"
)


class ServiceAccountStrategy(Strategy):
    """A ServiceAccount refers to Secrets by name only."""

    returns_deleted_object = True
    printer = NAME_AND_AGE

    def prepare_for_create(self, document: Object) -> Object:
        return _with_names_of_secrets(document)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return _with_names_of_secrets(document)

    def warnings_on_create(self, document: Object) -> list[str]:
        return [_ENFORCED_WARNING] if _is_enforced(document) else []

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        return [] if _is_enforced(old) else self.warnings_on_create(document)


def _with_names_of_secrets(document: Object) -> Object:
    secrets = document.get("secrets")
    if not secrets:
        return document
    names = [{"name": secret["name"]} if secret.get("name") else {} for secret in secrets]
    return {**document, "secrets": names}


def _is_enforced(document: Object) -> bool:
    return _ENFORCED in (metadata_of(document).get("annotations") or {})


STRATEGY = ServiceAccountStrategy
