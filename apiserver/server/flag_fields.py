"""The values of flags: marshmallow fields in the syntax of Go's flags."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate

from apiserver.machinery.durations import DurationError, parse_duration
from storage.open import without_credentials

_TRUE: Final = frozenset(["1", "t", "T", "true", "TRUE", "True"])
_FALSE: Final = frozenset(["0", "f", "F", "false", "FALSE", "False"])


class Text(fields.String):
    """A string that may be empty."""


class Boolean(fields.Field[bool]):
    """A boolean in Go's syntax."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        text = str(value)
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise ValidationError("must be true or false")


class NameList(fields.Field["tuple[str, ...]"]):
    """A comma-separated list; a repeated flag extends it."""

    def __init__(self, *, of: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._choices = of

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
        for name in names:
            if self._choices and name not in self._choices:
                raise ValidationError(f"{name} is none of {', '.join(self._choices)}")
        return names


class Pairs(fields.Field["tuple[tuple[str, str], ...]"]):
    """Pairs like ``name=value``; a repeated flag adds more."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[tuple[str, str], ...]:
        given = [value] if isinstance(value, str) else value
        pairs = [text.partition("=") for all_ in given for text in all_.split(",") if text]
        if not all(name and equals for name, equals, _ in pairs):
            raise ValidationError("must be formatted as key=value")
        return tuple((name.strip(), value) for name, _, value in pairs)


class Urls(NameList):
    """``http://host:port`` and ``https://host:port``."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        urls = super()._deserialize(value, *args, **kwargs)
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                shown = without_credentials(url)
                raise ValidationError(f"{shown} is not like http://127.0.0.1:2379")
        return urls


class Duration(fields.Field[float]):
    """A duration in Go's syntax."""

    def __init__(self, *, least: float = 1e-9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._least = least

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            seconds = parse_duration(str(value))
        except DurationError as error:
            raise ValidationError(str(error)) from error
        if seconds < self._least:
            raise ValidationError("is too short")
        return seconds


class Address(fields.Field[str]):
    """An IP address."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        try:
            return str(ipaddress.ip_address(value)) if value else ""
        except ValueError as error:
            raise ValidationError("must be an IP address") from error


class Network(fields.Field[str]):
    """A CIDR range, or two of different families."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        ranges = str(value).split(",")
        try:
            networks = [network_of(text) for text in ranges]
        except ValueError as error:
            raise ValidationError("must be a range of IP addresses like 10.0.0.0/24") from error
        if len({network.version for network in networks}) < len(networks):
            raise ValidationError("two ranges must be one of IPv4 and one of IPv6")
        if any(network.num_addresses < 8 for network in networks):
            raise ValidationError("must have at least 8 addresses")
        return ",".join(map(str, networks))


class PortRange(fields.Field["tuple[int, int]"]):
    """A port range, ``30000-32767`` or ``30000+2767`` with the number of further ports."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[int, int]:
        text = str(value)
        first, separator, last = text.partition("+" if "+" in text else "-")
        try:
            low = int(first)
            high = low + int(last) if separator == "+" else int(last or first)
        except ValueError as error:
            raise ValidationError("must be a range of ports like 30000-32767") from error
        if not 0 < low <= high < 1 << 16:
            raise ValidationError("must be a range of ports like 30000-32767")
        return low, high


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return a CIDR range. Raises ValueError."""
    return ipaddress.ip_network(text.strip(), strict=False)


def port_field() -> fields.Integer:
    """Return the field of a port, 6443 unless given."""
    bounds = validate.Range(0, 65535, error="must be a port: a number from 0 to 65535")
    return fields.Integer(load_default=6443, validate=bounds, error_messages=_NO_INTEGER)


def count_field(default: int, least: int) -> fields.Integer:
    """Return the field of a number that is at least ``least``."""
    bounds = validate.Range(least, error=f"must be at least {least}")
    return fields.Integer(load_default=default, validate=bounds, error_messages=_NO_INTEGER)


def version_field() -> fields.String:
    """Return the field of the version of reviews."""
    versions = ("v1", "v1beta1")
    return fields.String(
        load_default="v1beta1", validate=validate.OneOf(versions, error=no_choice(versions))
    )


def no_choice(known: Iterable[str]) -> str:
    """Return the error message for a value that is not one of the known ones."""
    return f"must be one of {', '.join(known)}"


_NO_INTEGER: Final[Any] = {"invalid": "must be a number"}
