"""The options of Pod validation.

Some rules are newer than stored Pods that violate them. An update may keep a violation of the old
object, so the rules of an update depend on the old object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass


@valueclass
class PodRules:
    """Values to accept that a strict validation would reject."""

    #: The spec is that of a Pod, not of a template.
    is_pod: bool = False
    #: The annotation ``controller.kubernetes.io/pod-deletion-cost`` may be no number.
    any_deletion_cost: bool = False
    #: Quantities of huge pages may be no multiples of a page.
    any_page_count: bool = False
    #: Selectors of affinity terms may have values that no label has.
    any_selector_value: bool = False
    #: Required node affinity may have values that no label has.
    any_node_affinity_value: bool = False
    #: Selectors of spread constraints may be anything.
    any_spread_selector: bool = False
    #: Keys that are also in the selector may be keys of a spread constraint.
    any_spread_keys: bool = False
    #: Tokens may be projected outside of their volume.
    any_token_path: bool = False
    #: Kernel parameters of namespaces shared with the host.
    sysctls_of_the_host: bool = False
    #: ``seLinuxChangePolicy: MountOption``.
    label_by_mount_option: bool = False
    #: A Pod with a user namespace may use the host network.
    users_with_host_network: bool = False
    #: A Pod with a user namespace may have block devices.
    users_with_devices: bool = False
    #: Init containers may restart when they are resized.
    any_init_resize_policy: bool = False


OF_TEMPLATE: Final = PodRules()
OF_POD: Final = PodRules(is_pod=True)


def names_of_containers(spec: Mapping[str, Any]) -> list[str]:
    """Return the names of all containers of every sort."""
    return [
        container["name"]
        for part in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(part) or ()
    ]


def annotations_of(owner: Object) -> Mapping[str, str]:
    """Return the annotations of a Pod or a template."""
    annotations: Mapping[str, str] = (owner.get("metadata") or {}).get("annotations") or {}
    return annotations
