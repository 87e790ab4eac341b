"""Functions of Kubernetes' own types: the libraries of "CEL in Kubernetes"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import IPv6Address
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.kubernetesvalues import Address, Network, Quantity, Url, Version
from apiserver.cel.values import ABSENT, INT_MAX, INT_MIN, OptionalValue
from apiserver.machinery.names import (
    dns1035_label_problems,
    dns1123_label_problems,
    dns1123_subdomain_problems,
    label_key_problems,
    label_value_problems,
)
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.formats import format_check


def _is(parse: Callable[..., Any]) -> Callable[..., bool]:
    def check(*arguments: Any) -> bool:
        if type(arguments[0]) is not str:
            raise EvaluationError(NO_OVERLOAD)
        try:
            parse(*arguments)
        except EvaluationError:
            return False
        return True

    return check


def _parse(kind: Callable[..., Any]) -> Callable[..., Any]:
    def parse(*arguments: Any) -> Any:
        if type(arguments[0]) is not str:
            raise EvaluationError(NO_OVERLOAD)
        return kind(*arguments)

    return parse


def _is_integer(quantity: Quantity) -> bool:
    number = quantity.number
    return number == number.to_integral_value() and INT_MIN <= number <= INT_MAX


def _as_integer(quantity: Quantity) -> int:
    if not _is_integer(quantity):
        raise EvaluationError("cannot convert value to integer")
    return int(quantity.number)


def _operand(value: Any) -> Decimal:
    if type(value) is Quantity:
        return value.number
    if type(value) is int:
        return Decimal(value)
    raise EvaluationError(NO_OVERLOAD)


def _compared(left: Any, right: Any) -> int:
    if type(left) is Quantity and type(right) is Quantity:
        return -1 if left.number < right.number else int(left.number > right.number)
    if type(left) is Version and type(right) is Version:
        return left.compare(right)
    raise EvaluationError(NO_OVERLOAD)


def _of_address(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def get(value: Any) -> Any:
        if type(value) is not Address:
            raise EvaluationError(NO_OVERLOAD)
        return read(value.address)

    return get


def _ip(value: Any) -> Address:
    return Address(value.address) if type(value) is Network else Address.parse(value)


def _is_global_unicast(address: Any) -> bool:
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or str(address) == "255.255.255.255"
    )


def _is_link_local_multicast(address: Any) -> bool:
    if isinstance(address, IPv6Address):
        return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02
    return bool(address.packed[:3] == b"\xe0\x00\x00")


def _contains_ip(network: Network, other: Any) -> bool:
    address = other if type(other) is Address else Address.parse(other)
    found = network.network()
    return found.version == address.address.version and address.address in found


def _contains_cidr(network: Network, other: Any) -> bool:
    inner = other if type(other) is Network else Network.parse(other)
    outer = network.network()
    return (
        outer.version == inner.address.version
        and inner.address in outer
        and inner.length >= network.length
    )


def _masked(network: Network) -> Network:
    return Network(network.network().network_address, network.length)


def _canonical(text: str) -> bool:
    return str(Address.parse(text).address) == text


@valueclass
class Format:
    """A named format, with the validation of a text."""

    cel_type: ClassVar[str] = "kubernetes.NamedFormat"
    name: str
    problems: Callable[[str], list[str]]


def _prefix_of(problems: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    return lambda text: problems(text[:-1] + "a" if text.endswith("-") else text)


def _by_check(name: str, detail: str) -> Callable[[str], list[str]]:
    check = format_check(name)

    def problems(text: str) -> list[str]:
        return [] if check is None or check(text) else [detail]

    return problems


def _uri_problems(text: str) -> list[str]:
    try:
        Url.parse(text)
    except EvaluationError as error:
        return [str(error).removeprefix("URL parse error during conversion from string: ")]
    return []


_FORMATS: Final[Mapping[str, Callable[[str], list[str]]]] = {
    "dns1123Label": dns1123_label_problems,
    "dns1123Subdomain": dns1123_subdomain_problems,
    "dns1035Label": dns1035_label_problems,
    "qualifiedName": label_key_problems,
    "dns1123LabelPrefix": _prefix_of(dns1123_label_problems),
    "dns1123SubdomainPrefix": _prefix_of(dns1123_subdomain_problems),
    "dns1035LabelPrefix": _prefix_of(dns1035_label_problems),
    "labelValue": label_value_problems,
    "uri": _uri_problems,
    "uuid": _by_check("uuid", "does not match the UUID format"),
    "byte": _by_check("byte", "invalid base64"),
    "date": _by_check("date", "invalid date"),
    "datetime": _by_check("datetime", "invalid datetime"),
}
FORMAT_NAMES: Final = tuple(_FORMATS)


def _named(name: str) -> OptionalValue:
    problems = _FORMATS.get(name)
    return ABSENT if problems is None else OptionalValue(present=True, value=Format(name, problems))


def _constant_format(name: str) -> Callable[[], Format]:
    found = Format(name, _FORMATS[name])
    return lambda: found


def _validate(found: Format, text: str) -> OptionalValue:
    problems = found.problems(text)
    return OptionalValue(present=True, value=problems) if problems else ABSENT


_part = Url.parts
KUBERNETES_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "quantity": _parse(Quantity.parse),
    "isQuantity": _is(Quantity.parse),
    "isInteger": _is_integer,
    "asInteger": _as_integer,
    "asApproximateFloat": lambda quantity: quantity.approximate_float(),
    "sign": lambda quantity: (quantity.number > 0) - (quantity.number < 0),
    "add": lambda left, right: Quantity(left.number + _operand(right)),
    "sub": lambda left, right: Quantity(left.number - _operand(right)),
    "isLessThan": lambda left, right: _compared(left, right) < 0,
    "isGreaterThan": lambda left, right: _compared(left, right) > 0,
    "compareTo": _compared,
    "ip": _ip,
    "isIP": _is(Address.parse),
    "ip.isCanonical": _canonical,
    "family": _of_address(lambda address: address.version),
    "isUnspecified": _of_address(lambda address: address.is_unspecified),
    "isLoopback": _of_address(lambda address: address.is_loopback),
    "isLinkLocalMulticast": _of_address(_is_link_local_multicast),
    "isLinkLocalUnicast": _of_address(lambda address: address.is_link_local),
    "isGlobalUnicast": _of_address(_is_global_unicast),
    "cidr": _parse(Network.parse),
    "isCIDR": _is(Network.parse),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "masked": _masked,
    "prefixLength": lambda network: network.length,
    "url": _parse(Url.parse),
    "isURL": _is(Url.parse),
    "getScheme": lambda url: _part(url).scheme,
    "getHost": lambda url: unquote(_part(url).host),
    "getHostname": lambda url: unquote(_part(url).hostname),
    "getPort": lambda url: _part(url).port,
    "getEscapedPath": lambda url: _part(url).escaped_path,
    "getQuery": lambda url: _part(url).parameters(),
    "semver": _parse(Version.parse),
    "isSemver": _is(Version.parse),
    "major": lambda version: version.numbers[0],
    "minor": lambda version: version.numbers[1],
    "patch": lambda version: version.numbers[2],
    "format.named": _named,
    "validate": _validate,
    **{f"format.{name}": _constant_format(name) for name in FORMAT_NAMES},
}
