"""Reviews in the responses of webhooks."""

from __future__ import annotations

import pytest

from apiserver.client.webhook_responses import WebhookError, parse_review

_STRUCT = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
    'Kind string "json:\\"kind,omitempty\\"" }'
)
_PARSE = "couldn't get version/kind; json parse error: "


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind": "Review", "apiVersion": "g/v1", "a": 1}',
        b'{"apiVersion": "g/v1", "a": 1}',
        b'{"kind": "Review", "a": 1}',
        b'{"a": 1}',
        b"kind: Review\na: 1\n",
    ],
)
def test_reviews(body: bytes) -> None:
    assert parse_review(body, "Review", "g", ["v1", "v1beta1"])["a"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'"x"', f"{_PARSE}json: cannot unmarshal string into Go value of type {_STRUCT}"),
        (b"[]", f"{_PARSE}json: cannot unmarshal array into Go value of type {_STRUCT}"),
        (b"x", f"{_PARSE}json: cannot unmarshal string into Go value of type {_STRUCT}"),
        (b"{x", f"{_PARSE}invalid character 'x' looking for beginning of object key string"),
        (
            b'{"kind": 1}',
            f"{_PARSE}json: cannot unmarshal number into Go struct field .kind of type string",
        ),
        (
            b'{"kind": "Pod", "apiVersion": "g/v1"}',
            'no kind "Pod" is registered for version "g/v1" in scheme '
            '"k8s.io/apiserver/pkg/util/webhook/client.go:71"',
        ),
        (
            b'{"kind": "Review", "apiVersion": "g/v9"}',
            'no kind "Review" is registered for version "g/v9" in scheme '
            '"k8s.io/apiserver/pkg/util/webhook/client.go:71"',
        ),
        (b'{"kind": "Review", "apiVersion": "g/v/1"}', "unexpected GroupVersion string: g/v/1"),
        (
            b'{"kind": "Review", "apiVersion": "g/v1beta1"}',
            "converting (v1beta1.Review) to (v1.Review): unknown conversion",
        ),
        (
            b'{"kind": "Status", "apiVersion": "v1"}',
            "converting (v1.Status) to (v1.Review): unknown conversion",
        ),
    ],
)
def test_other_documents(body: bytes, message: str) -> None:
    with pytest.raises(WebhookError) as caught:
        parse_review(body, "Review", "g", ["v1", "v1beta1"])
    assert str(caught.value) == message
