"""The options of requests for the log of a container: PodLogOptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery import times
from apiserver.machinery.errors import BadRequest, Invalid
from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.options import first, parse_bool, parse_integer
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_KIND: Final = GroupVersionKind("", "v1", "PodLogOptions")
_FLAGS: Final = ("follow", "previous", "timestamps")
_NUMBERS: Final = ("sinceSeconds", "tailLines", "limitBytes")


@valueclass
class LogOptions:
    """The container of a log request, and the query for the kubelet."""

    container: str
    query: Mapping[str, Any]


def log_options(name: str, query: Mapping[str, Sequence[str]]) -> LogOptions:
    """Parse the options for the log of the Pod ``name``. Raises BadRequest and Invalid."""
    wanted: dict[str, Any] = {
        flag: "true" for flag in _FLAGS if query.get(flag) and parse_bool(query[flag][0])
    }
    numbers = {number: parse_integer(query, number) for number in _NUMBERS}
    since = first(query, "sinceTime")
    if since:
        wanted["sinceTime"] = _time(since)
    errors = _validate(numbers, since, stream="stream" in query)
    if errors:
        raise Invalid.of(_KIND, name, errors)
    wanted |= {number: value for number, value in numbers.items() if value is not None}
    return LogOptions(first(query, "container"), wanted)


def _time(text: str) -> str:
    try:
        return times.format_seconds(times.parse(text)[0])
    except ValueError as error:
        shown = quote(text)
        raise BadRequest(
            f'parsing time {shown} as "2006-01-02T15:04:05Z07:00": cannot parse {shown} as "2006"'
        ) from error


def _validate(numbers: Mapping[str, int | None], since: str, *, stream: bool) -> list[FieldError]:
    errors = []
    lines, size, seconds = numbers["tailLines"], numbers["limitBytes"], numbers["sinceSeconds"]
    if lines is not None and lines < 0:
        errors.append(invalid("tailLines", lines, "must be greater than or equal to 0"))
    if size is not None and size < 1:
        errors.append(invalid("limitBytes", size, "must be greater than 0"))
    if seconds is not None and since:
        detail = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        errors.append(forbidden("", detail))
    elif seconds is not None and seconds < 1:
        errors.append(invalid("sinceSeconds", seconds, "must be greater than 0"))
    if stream:
        errors.append(forbidden("stream", "may not be specified"))
    return errors
