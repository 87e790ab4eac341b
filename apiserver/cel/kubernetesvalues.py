"""Kubernetes' own types in expressions: quantities, addresses, networks, URLs and versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar, Final

from apiserver.cel.errors import EvaluationError
from apiserver.machinery.quantity import parse_quantity
from apiserver.machinery.urls import URL, URLError, check_request_uri, parse_url
from apiserver.machinery.valueclasses import valueclass

_SEMVER: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
_LOOSE: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A quantity. Two are equal if their numbers are."""

    cel_type: ClassVar[str] = "kubernetes.Quantity"
    number: Decimal

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read a quantity."""
        try:
            return cls(parse_quantity(text)[0])
        except ValueError as error:
            raise EvaluationError(str(error)) from None


@valueclass
class Address:
    """An IP address."""

    cel_type: ClassVar[str] = "net.IP"
    address: IPv4Address | IPv6Address

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; one of IPv4 in the form of IPv6, or one with a zone, is refused."""
        problem = _address_problem(text)
        if problem:
            raise EvaluationError(
                f'IP Address "{text}" parse error during conversion from string: {problem}'
            )
        return cls(ip_address(text))

    def cel_text(self) -> str:
        """Return the canonical text."""
        return str(self.address)


@valueclass
class Network:
    """An address and the length of its prefix."""

    cel_type: ClassVar[str] = "net.CIDR"
    address: IPv4Address | IPv6Address
    length: int

    @classmethod
    def parse(cls, text: str) -> Network:
        """Read a network in CIDR form."""
        address, slash, length = text.partition("/")
        well_formed = slash and length.isascii() and length.isdigit() and str(int(length)) == length
        if not well_formed or _address_problem(address):
            raise EvaluationError(
                f"network address parse error during conversion from string: "
                f'netip.ParsePrefix("{text}"): {_prefix_problem(text)}'
            )
        parsed = ip_address(address)
        if int(length) > parsed.max_prefixlen:
            raise EvaluationError(
                f"network address parse error during conversion from string: "
                f'netip.ParsePrefix("{text}"): prefix length out of range'
            )
        return cls(parsed, int(length))

    def network(self) -> IPv4Network | IPv6Network:
        """Return the network, without the bits of the host."""
        return ip_network((self.address, self.length), strict=False)

    def cel_text(self) -> str:
        """Return the canonical text."""
        return f"{self.address}/{self.length}"


def _prefix_problem(text: str) -> str:
    address, slash, length = text.partition("/")
    if not slash:
        return "no '/'"
    problem = _address_problem(address)
    return problem or f'bad bits after slash: "{length}"'


def _address_problem(text: str) -> str:
    """Return why a text is no address, in the words of Go's net/netip, or ``""``."""
    where = f'ParseAddr("{text}"): '
    if "%" in text:
        return "IP address with zone value is not allowed"
    if ":" not in text and "." not in text:
        return f"{where}unable to parse IP"
    if ":" not in text:
        problem = _ipv4_problem(text)
        return f"{where}{problem}" if problem else ""
    try:
        parsed = ip_address(text)
    except ValueError:
        return f"{where}unable to parse IP"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return "IPv4-mapped IPv6 address is not allowed"
    return ""


def _ipv4_problem(text: str) -> str:
    octets = text.split(".")
    for octet in octets:
        if not octet:
            return "IPv4 field must have at least one digit"
        if not (octet.isascii() and octet.isdigit()):
            return "unexpected character"
        if len(octet) > 1 and octet[0] == "0":
            return "IPv4 field has octet with leading zero"
        if int(octet) > 255:
            return "IPv4 field has value >255"
    if len(octets) < 4:
        return "IPv4 address too short"
    return "IPv4 address too long" if len(octets) > 4 else ""


@valueclass
class Url:
    """An absolute URL, or an absolute path."""

    cel_type: ClassVar[str] = "kubernetes.URL"
    text: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read a URL."""
        try:
            check_request_uri(text)
            parse_url(text)
        except URLError as error:
            detail = f"URL parse error during conversion from string: {error}"
            raise EvaluationError(detail) from None
        return cls(text)

    def parts(self) -> URL:
        """Return the parts."""
        return parse_url(self.text)


@valueclass
class Version:
    """A version by Semantic Versioning 2.0.0. What is built is no part of its order."""

    cel_type: ClassVar[str] = "kubernetes.Semver"
    numbers: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @classmethod
    def parse(cls, text: str, normalize: bool = False) -> Version:  # noqa: FBT001, FBT002
        """Read a version; a normalized one may begin with ``v``, lack numbers or have zeros."""
        match = _SEMVER.fullmatch(_normalized(text) if normalize else text)
        if match is None:
            raise EvaluationError(_semver_problem(text))
        major, minor, patch, prerelease, build = match.groups()
        numbers = int(major), int(minor), int(patch)
        return cls(numbers, tuple(prerelease.split(".")) if prerelease else (), build or "")

    def compare(self, other: Version) -> int:
        """Return -1, 0 or 1."""
        left, right = self._key(), other._key()
        return -1 if left < right else int(left > right)

    def _key(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        parts = [
            (False, int(part), "") if part.isdigit() else (True, 0, part)
            for part in self.prerelease
        ]
        return self.numbers, not parts, parts


def _normalized(text: str) -> str:
    match = _LOOSE.fullmatch(text.removeprefix("v"))
    if match is None:
        return text
    *numbers, rest = match.groups()
    return ".".join(str(int(number or 0)) for number in numbers) + rest


def _semver_problem(text: str) -> str:
    if not text:
        return "Version string empty"
    if len(text.split(".", 2)) != 3:
        return "No Major.Minor.Patch elements found"
    return "Invalid character(s) found in version"
