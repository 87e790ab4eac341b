"""NetworkPolicy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.addresses import parse_cidr
from apiserver.resources.builtin.parts.ipforms import validate_new_cidr, warnings_for_cidr
from apiserver.resources.builtin.parts.labelselector import (
    format_selector,
    validate_label_selector,
)
from apiserver.resources.builtin.parts.names import port_name_problems, port_number_problems
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy

_TYPES: Final = ("Ingress", "Egress")
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
# The rules of each direction: the field, and the field of its peers.
_DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))
_SELECTORS: Final = ("podSelector", "namespaceSelector")


def _cells(document: Object) -> list[Any]:
    return [format_selector((document.get("spec") or {}).get("podSelector"))]


class NetworkPolicyStrategy(Strategy):
    """A NetworkPolicy restricts the incoming and outgoing connections of the selected Pods."""

    metadata_checks = (CHANGE,)
    generation_of = ("spec",)
    printer = aged(
        (Column("Pod-Selector", source="api.networking.v1.NetworkPolicySpec.podSelector"),),
        _cells,
    )

    def default(self, document: Object) -> None:
        spec = document["spec"]
        for member, _ in _DIRECTIONS:
            for rule in spec.get(member) or ():
                for port in rule.get("ports") or ():
                    port.setdefault("protocol", "TCP")
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]

    def validate(self, document: Object) -> list[FieldError]:
        return _validate(document, known=())

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate(document, known=set(_cidrs(old)))

    def warnings_on_create(self, document: Object) -> list[str]:
        return [
            warning
            for path, block in _blocks(document)
            for warning in _warnings_for_block(block, path)
        ]


def _validate(document: Object, known: Collection[str]) -> list[FieldError]:
    spec = document.get("spec") or {}
    errors = validate_label_selector(spec.get("podSelector"), "spec.podSelector")
    for member, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(member) or ()):
            errors += _validate_rule(rule, peers, f"spec.{member}[{index}]", known)
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        detail = "may not specify more than two policyTypes"
        return [*errors, invalid("spec.policyTypes", types, detail)]
    for index, type_ in enumerate(types):
        if type_ not in _TYPES:
            errors.append(not_supported(f"spec.policyTypes[{index}]", type_, _TYPES))
    return errors


def _blocks(document: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    spec = document.get("spec") or {}
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            for at, peer in enumerate(rule.get(peers) or ()):
                if peer.get("ipBlock") is not None:
                    yield f"spec.{direction}[{index}].{peers}[{at}].ipBlock", peer["ipBlock"]


def _cidrs(document: Object) -> Iterator[str]:
    for _, block in _blocks(document):
        yield block.get("cidr", "")
        yield from block.get("except") or ()


def _warnings_for_block(block: dict[str, Any], path: str) -> Iterator[str]:
    yield from warnings_for_cidr(block.get("cidr", ""), f"{path}.cidr")
    for index, excepted in enumerate(block.get("except") or ()):
        yield from warnings_for_cidr(excepted, f"{path}.except[{index}]")


def _validate_rule(
    rule: dict[str, Any], peers: str, path: str, known: Collection[str]
) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, port in enumerate(rule.get("ports") or ()):
        errors += _validate_port(port, f"{path}.ports[{index}]")
    for index, peer in enumerate(rule.get(peers) or ()):
        errors += _validate_peer(peer, f"{path}.{peers}[{index}]", known)
    return errors


def _validate_port(port: dict[str, Any], path: str) -> list[FieldError]:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    errors = []
    if protocol is not None and protocol not in _PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    problems: list[str] = []
    if number is None:
        if end is not None:
            problems = ["may not be specified when `port` is not specified"]
    elif isinstance(number, str):
        if end is not None:
            detail = "may not be specified when `port` is non-numeric"
            errors.append(invalid(f"{path}.endPort", end, detail))
        return [*errors, *(invalid(f"{path}.port", number, p) for p in port_name_problems(number))]
    else:
        errors += [invalid(f"{path}.port", number, text) for text in port_number_problems(number)]
        if end is not None:
            problems = port_number_problems(end)
            if end < number:
                # The value shown is that of the port.
                detail = "must be greater than or equal to `port`"
                errors.append(invalid(f"{path}.endPort", number, detail))
    return [*errors, *(invalid(f"{path}.endPort", end, problem) for problem in problems)]


def _validate_peer(peer: dict[str, Any], path: str, known: Collection[str]) -> list[FieldError]:
    block = peer.get("ipBlock")
    errors: list[FieldError] = []
    selectors = [member for member in _SELECTORS if peer.get(member) is not None]
    for member in selectors:
        errors += validate_label_selector(peer[member], f"{path}.{member}")
    if block is not None:
        errors += _validate_block(block, f"{path}.ipBlock", known)
    if block is None and not selectors:
        errors.append(required(path, "must specify a peer"))
    elif block is not None and selectors:
        errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
    return errors


def _validate_block(block: dict[str, Any], path: str, known: Collection[str]) -> list[FieldError]:
    text = block.get("cidr", "")
    if not text:
        return [required(f"{path}.cidr")]
    errors = validate_new_cidr(text, f"{path}.cidr", known)
    network = parse_cidr(text)
    if network is None:
        return errors
    for index, excepted in enumerate(block.get("except") or ()):
        where = f"{path}.except[{index}]"
        errors += validate_new_cidr(excepted, where, known)
        inner = parse_cidr(excepted)
        if inner is None:
            continue
        if network.prefixlen >= inner.prefixlen or inner.network_address not in network:
            errors.append(invalid(where, excepted, "must be a strict subset of `cidr`"))
    return errors


STRATEGY = NetworkPolicyStrategy
