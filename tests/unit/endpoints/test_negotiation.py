"""Accept headers and what they choose."""

from __future__ import annotations

import pytest

from apiserver.endpoints.negotiation import (
    AGGREGATED,
    JSON,
    PARTIAL,
    TABLE,
    YAML,
    negotiate,
    negotiate_discovery,
    negotiate_openapi,
)
from apiserver.machinery.errors import NotAcceptable

TABLE_V1 = "application/json;as=Table;v=v1;g=meta.k8s.io"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.mark.parametrize(
    ("accept", "media_type", "transform"),
    [
        ("", JSON, ""),
        ("*/*", JSON, ""),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON, ""),
        ("application/yaml;q=0.9,application/json;q=0.1", YAML, ""),
        (f"{PROTOBUF},application/json", JSON, ""),
        (f"{TABLE_V1},application/json", JSON, TABLE),
        ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", JSON, PARTIAL),
        ("application/json;as=Nonsense;g=meta.k8s.io;v=v1, application/json;q=0.5", JSON, ""),
    ],
)
def test_the_best_clause_that_is_offered_decides(
    accept: str, media_type: str, transform: str
) -> None:
    chosen = negotiate(accept)
    assert (chosen.media_type, chosen.transform) == (media_type, transform)


@pytest.mark.parametrize(
    ("accept", "begins"),
    [
        ("application/xml", "406: Not Acceptable"),
        ("application/*", "406: Not Acceptable"),
        (PROTOBUF, "only the following media types are accepted"),
        ("application/json;as=Nonsense;g=meta.k8s.io;v=v1", "only the following media types"),
    ],
)
def test_what_is_not_offered_is_refused(accept: str, begins: str) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        negotiate(accept)
    assert refusal.value.message.startswith(begins)


def test_a_watch_is_never_yaml() -> None:
    with pytest.raises(NotAcceptable) as refusal:
        negotiate("application/yaml", stream=True)
    assert "application/json;stream=watch" in refusal.value.message


def test_discovery_is_aggregated_only_in_the_version_that_is_served() -> None:
    clause = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
    assert negotiate_discovery(clause.format("v2")).transform == AGGREGATED
    assert negotiate_discovery(clause.format("v2beta1") + ",application/json").transform == ""
    with pytest.raises(NotAcceptable):
        negotiate_discovery(clause.format("v9"))


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*;q=0.1", JSON),
        (PROTOBUF, PROTOBUF),
        (f"{PROTOBUF}, {JSON}", PROTOBUF),
        (f"{PROTOBUF};q=0.5, {JSON}", JSON),
        (f"text/html, {JSON};q=0.5", JSON),
        ("application/yaml", ""),
    ],
)
def test_a_document_has_a_few_media_types_of_its_own(accept: str, chosen: str) -> None:
    assert negotiate_openapi(accept, (JSON, PROTOBUF)) == chosen
