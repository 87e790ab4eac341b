"""Kubernetes' own types in expressions: quantities, addresses, networks, URLs and versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar, Final

from apiserver.cel.errors import EvaluationError
from apiserver.cel.netip import AddressError, PrefixError, check_address, check_prefix
from apiserver.cel.values import UINT_MAX
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quantity import parse_quantity
from apiserver.machinery.quoting import quote
from apiserver.machinery.urls import URL, URLError, check_request_uri, parse_url
from apiserver.machinery.valueclasses import valueclass

_SEMVER: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
_DIGITS: Final = re.compile(r"[0-9]*")
_ALPHANUMERIC: Final = re.compile(r"[0-9A-Za-z-]*")


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

    def approximate_float(self) -> float:
        """Return the number as a float: that of its digits, times a power of ten."""
        sign, digits, exponent = self.number.as_tuple()
        assert isinstance(exponent, int)
        return float(Decimal((sign, digits, 0))) * float(f"1e{exponent}")


@valueclass
class Address:
    """An IP address."""

    cel_type: ClassVar[str] = "net.IP"
    address: IPv4Address | IPv6Address

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; one of IPv4 in the form of IPv6, or one with a zone, is refused."""
        try:
            check_address(text)
        except AddressError as error:
            detail = f"parse error during conversion from string: {error}"
            raise EvaluationError(f"IP Address {quote(text)} {detail}") from None
        if "%" in text:
            raise EvaluationError(f"IP address {quote(text)} with zone value is not allowed")
        return cls(_unmapped(text, text))

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
        try:
            check_prefix(text)
        except PrefixError as error:
            detail = f"network address parse error during conversion from string: {error}"
            raise EvaluationError(detail) from None
        address, _, length = text.partition("/")
        return cls(_unmapped(address, text), int(length))

    def network(self) -> IPv4Network | IPv6Network:
        """Return the network, without the bits of the host."""
        return ip_network((self.address, self.length), strict=False)

    def cel_text(self) -> str:
        """Return the canonical text."""
        return f"{self.address}/{self.length}"


def _unmapped(address: str, text: str) -> IPv4Address | IPv6Address:
    """Return a valid address. Raises EvaluationError for one of IPv4 in the form of IPv6."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        raise EvaluationError(f"IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return parsed


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
        whole = _normalized(text) if normalize else text
        problem = _semver_problem(whole)
        match = _SEMVER.fullmatch(whole)
        if problem or match is None:
            raise EvaluationError(problem)
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
    parts = []
    for part in text.removeprefix("v").split(".", 2):
        short = part.lstrip("0") if len(part) > 1 else part
        if len(part) > 1 and not ("0" <= short[:1] <= "9"):
            short = f"0{short}"
        parts.append(short)
    if len(parts) < 3 and ("+" in parts[-1] or "-" in parts[-1]):
        raise EvaluationError("short version cannot contain PreRelease/Build meta data")
    return ".".join([*parts, "0", "0"][: max(len(parts), 3)])


def _semver_problem(text: str) -> str:
    """Return the error message of blang/semver for an invalid version."""
    if not text:
        return "Version string empty"
    parts = text.split(".", 2)
    if len(parts) != 3:
        return "No Major.Minor.Patch elements found"
    rest, plus, build = parts[2].partition("+")
    patch, dash, prerelease = rest.partition("-")
    problems = [
        _number_problem(number, name.lower() + " number", f"{name} number")
        for name, number in zip(("Major", "Minor", "Patch"), (*parts[:2], patch), strict=True)
    ]
    problems += map(_prerelease_problem, prerelease.split(".") if dash else ())
    problems += map(_build_problem, build.split(".") if plus else ())
    return next(filter(None, problems), "")


def _number_problem(text: str, name: str, subject: str) -> str:
    if _DIGITS.fullmatch(text) is None:
        return f"Invalid character(s) found in {name} {quote(text)}"
    if len(text) > 1 and text.startswith("0"):
        return f"{subject} must not contain leading zeroes {quote(text)}"
    if not text or parse_integer(text) > UINT_MAX:
        problem = "value out of range" if text else "invalid syntax"
        return f"strconv.ParseUint: parsing {quote(text)}: {problem}"
    return ""


def _prerelease_problem(text: str) -> str:
    if not text:
        return "Prerelease is empty"
    if _DIGITS.fullmatch(text):
        return _number_problem(text, "prerelease", "Numeric PreRelease version")
    if _ALPHANUMERIC.fullmatch(text) is None:
        return f"Invalid character(s) found in prerelease {quote(text)}"
    return ""


def _build_problem(text: str) -> str:
    if not text:
        return "Build meta data is empty"
    if _ALPHANUMERIC.fullmatch(text) is None:
        return f"Invalid character(s) found in build meta data {quote(text)}"
    return ""
