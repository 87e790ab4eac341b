"""Content negotiation: Accept and Content-Type headers.

An Accept header is a list of clauses. The first supported clause decides, ordered by quality and
then by position. A clause may request a transformation, such as ``as=Table``.
"""

from __future__ import annotations

from collections.abc import Collection

from apiserver.endpoints.mediatype import media_type_of
from apiserver.machinery.errors import NotAcceptable, UnsupportedMediaType
from apiserver.machinery.textcache import cache_by_text
from apiserver.machinery.valueclasses import valueclass

JSON, YAML, PROTOBUF = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
)
PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
#: Those of kinds that have no other types than a schema.
_STRUCTURAL_PATCH_TYPES = tuple(each for each in PATCH_TYPES if "strategic" not in each)
_MEDIA_TYPES = f"{JSON}, {YAML}, {PROTOBUF}"
_STREAM_TYPES = f"{JSON};stream=watch, {PROTOBUF};stream=watch"
_NOT_ACCEPTABLE = "only the following media types are accepted: "
_META_GROUP = "meta.k8s.io"
TABLE, PARTIAL, PARTIAL_LIST = "Table", "PartialObjectMetadata", "PartialObjectMetadataList"
_TRANSFORMS = {
    (TABLE, "v1"): TABLE,
    (TABLE, "v1beta1"): TABLE,
    (PARTIAL, "v1"): PARTIAL,
    (PARTIAL, "v1beta1"): PARTIAL,
    (PARTIAL_LIST, "v1"): PARTIAL_LIST,
    (PARTIAL_LIST, "v1beta1"): PARTIAL_LIST,
}
AGGREGATED = "APIGroupDiscoveryList"
_DISCOVERY_GROUP = "apidiscovery.k8s.io"


@valueclass
class Representation:
    """How a response is encoded; ``transform`` is the kind that it is converted to, or ``""``."""

    media_type: str = JSON
    transform: str = ""
    version: str = "v1"


@valueclass
class _Clause:
    media_type: str
    parameters: dict[str, str]
    quality: float


_PLAIN = Representation()


def negotiate(accept: str, *, stream: bool = False) -> Representation:
    """Choose the representation of an object or a list, or (``stream``) of a watch.

    Raises NotAcceptable.
    """
    if not accept or accept == JSON:
        return _PLAIN
    return _negotiated(accept, stream)


@cache_by_text(1024)
def _negotiated(accept: str, stream: bool) -> Representation:  # noqa: FBT001
    clauses = _clauses(accept)
    _check_route(clauses, stream=stream)
    for clause in clauses:
        chosen = _choose(clause, stream=stream)
        if chosen is not None:
            return chosen
    raise NotAcceptable(_NOT_ACCEPTABLE + (_STREAM_TYPES if stream else _MEDIA_TYPES))


def check_accept(accept: str, *, stream: bool = False) -> None:
    """Raise NotAcceptable for the Accept header of a request without a route."""
    try:
        negotiate(accept, stream=stream)
    except NotAcceptable as error:
        types = _STREAM_TYPES if stream else _MEDIA_TYPES
        raise NotAcceptable(_NOT_ACCEPTABLE + types) from error


@cache_by_text(256)
def negotiate_discovery(accept: str) -> Representation:
    """Choose the representation of the group lists, which may be aggregated."""
    for clause in _clauses(accept):
        parameters = clause.parameters
        if "as" in parameters:
            wanted = (parameters.get("g"), parameters.get("v"), parameters["as"])
            if wanted == (_DISCOVERY_GROUP, "v2", AGGREGATED) and _media_type(clause):
                return Representation(_media_type(clause), AGGREGATED, "v2")
            continue
        media_type = _media_type(clause)
        if media_type:
            return Representation(media_type)
    if not accept:
        return _PLAIN
    raise NotAcceptable(_NOT_ACCEPTABLE + _MEDIA_TYPES)


def negotiate_openapi(accept: str, offered: Collection[str] = (JSON,)) -> str:
    """Choose a media type of a document, the first for a wildcard; ``""`` if none is acceptable."""
    for clause in _clauses(accept or "*/*"):
        if clause.media_type in ("*/*", "application/*"):
            return next(iter(offered))
        if clause.media_type in offered:
            return clause.media_type
    return ""


def error_media_type(accept: str) -> str:
    """Choose the media type of a Status: YAML if it has the highest quality, else JSON."""
    for clause in _clauses(accept):
        media_type = _media_type(clause)
        if media_type:
            return media_type
    return JSON


def content_type(header: str, *, protobuf: bool = True) -> str:
    """Return the media type of a body, JSON by default. Raises UnsupportedMediaType.

    ``protobuf``: the kind has a protobuf encoding.
    """
    media_type = media_type_of(header) if header else JSON
    if media_type not in (JSON, YAML, PROTOBUF) or (media_type == PROTOBUF and not protobuf):
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            + _MEDIA_TYPES
        )
    return media_type


def patch_type(header: str, *, strategic_merge: bool = True) -> str:
    """Return the media type of a patch. Raises UnsupportedMediaType.

    ``strategic_merge``: the kind takes strategic merge patches.
    """
    # Unlike other media types, patch types are compared case-sensitively.
    media_type = header.partition(";")[0]
    if not strategic_merge:
        if media_type in _STRUCTURAL_PATCH_TYPES:
            return media_type
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(_STRUCTURAL_PATCH_TYPES)
        )
    if media_type not in PATCH_TYPES:
        raise UnsupportedMediaType("415: Unsupported Media Type", {})
    return media_type


def bare(header: str) -> str:
    """Return a media type without parameters, in lower case."""
    return header.partition(";")[0].strip().lower()


def check_accepted(accept: str, media_type: str) -> None:
    """Raise NotAcceptable if a path of one media type is requested in others only."""
    types = [bare(clause) for clause in accept.split(",")] if accept else ["*/*"]
    if media_type not in types and "*/*" not in types:
        text = f"406: Not Acceptable\n\nAvailable representations: {media_type}"
        raise NotAcceptable(text, {})


def _choose(clause: _Clause, *, stream: bool) -> Representation | None:
    media_type = _media_type(clause)
    if not media_type or (stream and media_type != JSON):
        return None
    parameters = clause.parameters
    if "as" not in parameters:
        return Representation(media_type)
    version = parameters.get("v", "")
    transform = _TRANSFORMS.get((parameters["as"], version))
    if transform is None or parameters.get("g") != _META_GROUP:
        return None
    return Representation(media_type, transform, version)


def _media_type(clause: _Clause) -> str:
    if clause.media_type in ("*/*", "application/*"):
        return JSON
    return clause.media_type if clause.media_type in (JSON, YAML) else ""


def _check_route(clauses: list[_Clause], *, stream: bool) -> None:
    offered = (JSON, YAML, PROTOBUF, "*/*")
    if not any(clause.media_type in offered for clause in clauses):
        listed = f"{_MEDIA_TYPES}, {_STREAM_TYPES}" if stream else _MEDIA_TYPES
        raise NotAcceptable(f"406: Not Acceptable\n\nAvailable representations: {listed}", {})


def _clauses(accept: str) -> list[_Clause]:
    clauses = [_clause(text) for text in accept.split(",") if text.strip()]
    # Sorting is stable: equal clauses keep their order; exact types precede wildcards.
    return sorted(clauses, key=lambda clause: (-clause.quality, "*" in clause.media_type))


def _clause(text: str) -> _Clause:
    media_type, *rest = (part.strip() for part in text.split(";"))
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 1.0
    return _Clause(media_type.lower(), parameters, quality)
