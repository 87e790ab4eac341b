"""Validation of Services, in the order of Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.builtin.core.services.addresses import (
    validate_cluster_addresses,
    validate_same_addresses,
)
from apiserver.resources.builtin.core.services.defaults import (
    CLIENT_IP,
    CLUSTER_IP,
    EXTERNAL_NAME,
    HEADLESS,
    LOAD_BALANCER,
    NO_AFFINITY,
    NODE_PORT,
    is_external,
    is_headless,
    needs_health_check,
)
from apiserver.resources.builtin.parts.addresses import (
    parse_ip,
    validate_endpoint_ip,
)
from apiserver.resources.builtin.parts.ipforms import validate_new_cidr, validate_new_ip
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.names import (
    port_number_problems,
    validate_dns_subdomain,
    validate_port,
    validate_qualified_name,
)

Spec = dict[str, Any]

TYPES: Final = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_POLICIES: Final = ("Cluster", "Local")
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameZone", "PreferSameNode")
_SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_MODE: Final = "service.kubernetes.io/topology-mode"
_HINTS: Final = "service.kubernetes.io/topology-aware-hints"
_ONE_DAY: Final = 86400
_KUBELET: Final = 10250
_ONLY_BALANCED: Final = "may only be used when `type` is 'LoadBalancer'"


def validate_service(document: Object, old: Object | None) -> list[FieldError]:
    """Return every rule that a Service breaks; addresses of ``old`` may be written as they are."""
    spec, before = document["spec"], {} if old is None else old["spec"]
    errors = _validate_hints(metadata_of(document).get("annotations") or {})
    for rule in _RULES:
        errors += rule(spec, before)
    return errors + _validate_traffic(document, spec, before)


def validate_change(document: Object, old: Object) -> list[FieldError]:
    """Return every rule that a change breaks."""
    spec, before = document["spec"], old["spec"]
    errors = []
    if spec.get("type") != EXTERNAL_NAME != before.get("type"):
        errors += validate_same_addresses(spec, before)
    class_ = spec.get("loadBalancerClass")
    balanced = spec.get("type") == before.get("type") == LOAD_BALANCER
    if balanced and class_ != before.get("loadBalancerClass"):
        errors.append(invalid("spec.loadBalancerClass", class_, "may not change once set"))
    # Kubernetes says it twice of an update, here and of the Service as such.
    errors += _validate_class(spec)
    checked = needs_health_check(spec) and needs_health_check(before)
    if checked and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        errors.append(forbidden("spec.healthCheckNodePort", "field is immutable"))
    return errors


def validate_load_balancer(document: Object, old: Object) -> list[FieldError]:
    """Validate the status of a Service, which a load balancer writes."""
    ingress, before = _ingress(document), _ingress(old)
    known = [entry["ip"] for entry in before if entry.get("ip")]
    path = "status.loadBalancer.ingress"
    errors: list[FieldError] = []
    if ingress and document["spec"].get("type") != LOAD_BALANCER:
        detail = "may only be used when `spec.type` is 'LoadBalancer'"
        return [forbidden(path, detail)]
    for index, entry in enumerate(ingress):
        errors += _validate_ingress(entry, f"{path}[{index}]", known)
    return errors


def _ingress(document: Object) -> list[dict[str, Any]]:
    return ((document.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []


def _validate_ingress(entry: dict[str, Any], path: str, known: list[str]) -> list[FieldError]:
    ip, mode, host = entry.get("ip"), entry.get("ipMode"), entry.get("hostname")
    errors = validate_new_ip(ip, f"{path}.ip", known) if ip else []
    if ip and mode is None:
        errors.append(required(f"{path}.ipMode", "must be specified when `ip` is set"))
    elif mode is not None and not ip:
        errors.append(forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set"))
    elif mode is not None and mode not in ("VIP", "Proxy"):
        errors.append(not_supported(f"{path}.ipMode", mode, ("Proxy", "VIP")))
    if host:
        where = f"{path}.hostname"
        errors += [invalid(where, host, problem) for problem in dns1123_subdomain_problems(host)]
        if parse_ip(host):
            errors.append(invalid(where, host, "must be a DNS name, not an IP address"))
    return errors


def _validate_hints(annotations: dict[str, str]) -> list[FieldError]:
    mode, hints = annotations.get(_MODE), annotations.get(_HINTS)
    if mode is None or hints is None or mode == hints:
        return []
    path = f"metadata.annotations[{_MODE}]"
    detail = f"must match annotations[{_HINTS}] when both are specified"
    return [invalid(path, mode, detail)]


def _validate_type_and_addresses(spec: Spec, _: Spec) -> list[FieldError]:
    type_, headless = spec.get("type"), is_headless(spec)
    errors = []
    if not spec.get("ports") and not headless and type_ != EXTERNAL_NAME:
        errors.append(required("spec.ports"))
    if type_ == LOAD_BALANCER:
        errors += [
            invalid(
                f"spec.ports[{index}]",
                _KUBELET,
                f"may not expose port {_KUBELET} externally since it is used by kubelet",
            )
            for index, port in enumerate(spec.get("ports") or ())
            if port.get("port") == _KUBELET
        ]
    if type_ in (LOAD_BALANCER, NODE_PORT) and headless:
        detail = f"may not be set to 'None' for {type_} services"
        errors.append(invalid("spec.clusterIPs[0]", HEADLESS, detail))
    if type_ == EXTERNAL_NAME:
        errors += _validate_external_name(spec)
    return errors


def _validate_external_name(spec: Spec) -> list[FieldError]:
    detail = "may not be set for ExternalName services"
    members = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
    errors = [forbidden(f"spec.{member}", detail) for member in members if spec.get(member)]
    name, path = spec.get("externalName", "").removesuffix("."), "spec.externalName"
    return errors + (validate_dns_subdomain(name, path) if name else [required(path)])


def _validate_ports(spec: Spec, _: Spec) -> list[FieldError]:
    ports = spec.get("ports") or []
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _validate_port(port, f"spec.ports[{index}]", names, named=len(ports) > 1)
    return errors


def _validate_port(
    port: dict[str, Any], path: str, names: set[str], *, named: bool
) -> list[FieldError]:
    name, number, protocol = port.get("name", ""), port.get("port", 0), port.get("protocol", "")
    errors = []
    if name:
        errors += [invalid(f"{path}.name", name, text) for text in dns1123_label_problems(name)]
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
    elif named:
        errors.append(required(f"{path}.name"))
    errors += [invalid(f"{path}.port", number, text) for text in port_number_problems(number)]
    if not protocol:
        errors.append(required(f"{path}.protocol"))
    elif protocol not in PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", protocol, PROTOCOLS))
    errors += validate_port(port.get("targetPort", 0), f"{path}.targetPort")
    if port.get("appProtocol") is not None:
        errors += validate_qualified_name(port["appProtocol"], f"{path}.appProtocol")
    return errors


def _validate_selector(spec: Spec, _: Spec) -> list[FieldError]:
    return validate_labels(spec.get("selector"), "spec.selector")


def _validate_affinity(spec: Spec, _: Spec) -> list[FieldError]:
    affinity, config = spec.get("sessionAffinity", ""), spec.get("sessionAffinityConfig")
    path = "spec.sessionAffinityConfig"
    if affinity == CLIENT_IP:
        missing = f"when session affinity type is {CLIENT_IP}"
        if config is None:
            return [required(path, missing)]
        if config.get("clientIP") is None:
            return [required(f"{path}.clientIP", missing)]
        seconds = config["clientIP"].get("timeoutSeconds")
        if seconds is not None and not 0 < seconds <= _ONE_DAY:
            detail = f"must be greater than 0 and less than {_ONE_DAY}"
            return [invalid(f"{path}.clientIP.timeoutSeconds", seconds, detail)]
        return []
    if affinity == NO_AFFINITY:
        detail = f"must not be set when session affinity is {NO_AFFINITY}"
        return [] if config is None else [forbidden(path, detail)]
    return [not_supported("spec.sessionAffinity", affinity, (CLIENT_IP, NO_AFFINITY))]


def _validate_cluster_addresses(spec: Spec, before: Spec) -> list[FieldError]:
    return [] if spec.get("type") == EXTERNAL_NAME else validate_cluster_addresses(spec, before)


def _validate_external_ips(spec: Spec, before: Spec) -> list[FieldError]:
    known = before.get("externalIPs") or []
    errors: list[FieldError] = []
    for index, ip in enumerate(spec.get("externalIPs") or ()):
        path = f"spec.externalIPs[{index}]"
        errors += validate_new_ip(ip, path, known) or validate_endpoint_ip(ip, path)
    return errors


def _validate_type(spec: Spec, _: Spec) -> list[FieldError]:
    type_ = spec.get("type", "")
    if not type_:
        return [required("spec.type")]
    return [] if type_ in TYPES else [not_supported("spec.type", type_, TYPES)]


def _validate_distinct_ports(spec: Spec, _: Spec) -> list[FieldError]:
    ports = list(enumerate(spec.get("ports") or ()))
    with_nodes = [(index, port) for index, port in ports if port.get("nodePort")]
    errors: list[FieldError] = []
    if spec.get("type") == CLUSTER_IP:
        detail = "may not be used when `type` is 'ClusterIP'"
        errors += [forbidden(f"spec.ports[{index}].nodePort", detail) for index, _ in with_nodes]
    seen: set[tuple[str, int]] = set()
    for index, port in with_nodes:
        key = (port.get("protocol", ""), port["nodePort"])
        if key in seen:
            errors.append(duplicate(f"spec.ports[{index}].nodePort", port["nodePort"]))
        seen.add(key)
    seen.clear()
    for index, port in ports:
        key = (port.get("protocol", ""), port.get("port", 0))
        if key in seen:
            errors.append(duplicate(f"spec.ports[{index}]", _shown_port(*key)))
        seen.add(key)
    return errors


def _shown_port(protocol: str, number: int) -> dict[str, Any]:
    shown = {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": number}
    return {**shown, "TargetPort": 0, "NodePort": 0}


_RULES: Final[tuple[Callable[[Spec, Spec], list[FieldError]], ...]] = (
    _validate_type_and_addresses,
    _validate_ports,
    _validate_selector,
    _validate_affinity,
    _validate_cluster_addresses,
    _validate_external_ips,
    _validate_type,
    _validate_distinct_ports,
)


def _validate_traffic(document: Object, spec: Spec, before: Spec) -> list[FieldError]:
    return [
        *_validate_source_ranges(document, spec, before),
        *_validate_balancer(spec),
        *_validate_external_policy(spec),
        *_validate_internal_policy(spec),
    ]


def _validate_source_ranges(document: Object, spec: Spec, before: Spec) -> list[FieldError]:
    ranges = spec.get("loadBalancerSourceRanges") or []
    annotation = (metadata_of(document).get("annotations") or {}).get(_SOURCE_RANGES)
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        checked = [(text, f"{path}[{index}]") for index, text in enumerate(ranges)]
    elif annotation is not None:
        path = f"metadata.annotations[{_SOURCE_RANGES}]"
        texts = annotation.strip().split(",") if annotation.strip() else []
        checked = [(text.strip(), path) for text in texts]
    else:
        return []
    known = [text.strip() for text in before.get("loadBalancerSourceRanges") or ()]
    errors = [] if spec.get("type") == LOAD_BALANCER else [forbidden(path, _ONLY_BALANCED)]
    for text, where in checked:
        errors += validate_new_cidr(text.strip(), where, known)
    return errors


def _validate_balancer(spec: Spec) -> list[FieldError]:
    allocate = spec.get("allocateLoadBalancerNodePorts")
    errors = []
    if spec.get("type") == LOAD_BALANCER:
        if allocate is None:
            errors.append(required("allocateLoadBalancerNodePorts"))
    elif allocate is not None:
        errors.append(forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED))
    return errors + _validate_class(spec)


def _validate_class(spec: Spec) -> list[FieldError]:
    class_, path = spec.get("loadBalancerClass"), "spec.loadBalancerClass"
    if class_ is None:
        return []
    if spec.get("type") != LOAD_BALANCER:
        return [forbidden(path, _ONLY_BALANCED)]
    return validate_qualified_name(class_, path)


def _validate_external_policy(spec: Spec) -> list[FieldError]:
    policy, port = spec.get("externalTrafficPolicy", ""), spec.get("healthCheckNodePort", 0)
    path = "spec.externalTrafficPolicy"
    errors = []
    if not is_external(spec):
        if policy:
            detail = "may only be set for externally-accessible services"
            errors.append(invalid(path, policy, detail))
    elif not policy:
        errors.append(required(path))
    elif policy not in _POLICIES:
        errors.append(not_supported(path, policy, _POLICIES))
    path = "spec.healthCheckNodePort"
    if not needs_health_check(spec):
        if port:
            detail = (
                "may only be set when `type` is 'LoadBalancer' and "
                "`externalTrafficPolicy` is 'Local'"
            )
            errors.append(invalid(path, port, detail))
    elif not port:
        errors.append(required(path))
    else:
        errors += [invalid(path, port, problem) for problem in port_number_problems(port)]
    return errors


def _validate_internal_policy(spec: Spec) -> list[FieldError]:
    policy, distribution = spec.get("internalTrafficPolicy"), spec.get("trafficDistribution")
    errors = []
    if policy is None:
        if spec.get("type") in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
            errors.append(required("spec.internalTrafficPolicy"))
    elif policy not in _POLICIES:
        errors.append(not_supported("spec.internalTrafficPolicy", policy, _POLICIES))
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        errors.append(not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
    return errors
