"""Widgets: a kind whose versions only a webhook can convert, and that webhook.

In v1 a widget has a ``size``, in v2 it has ``width``.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.wire.kubelet import HOST, cut_off

_MEMBERS = {"v1": "size", "v2": "width"}
_SPEC = {
    "v1": {"size": {"type": "integer"}, "color": {"type": "string", "default": "red"}},
    "v2": {"width": {"type": "integer", "maximum": 100}, "color": {"type": "string"}},
}

Review = dict[str, Any]


class ConversionWebhook:
    """The webhook: what it was asked, and how it answers."""

    def __init__(self) -> None:
        self.port = 0
        self.bundle = ""
        self.reviews: list[Review] = []
        self.answer: Callable[[Review], Review | web.Response] = honest
        #: An answer waits for it.
        self.open = asyncio.Event()
        self.open.set()

    @property
    def names(self) -> list[list[str]]:
        """The names of the objects in each review."""
        return [
            [each["metadata"]["name"] for each in review["request"]["objects"]]
            for review in self.reviews
        ]

    @property
    def conversion(self) -> dict[str, Any]:
        """The conversion of a definition."""
        config = {"url": f"https://{HOST}:{self.port}/convert", "caBundle": self.bundle}
        webhook = {"conversionReviewVersions": ["v1"], "clientConfig": config}
        return {"strategy": "Webhook", "webhook": webhook}

    async def convert(self, request: web.Request) -> web.Response:
        """Answer a review."""
        review = await request.json()
        self.reviews.append(review)
        await self.open.wait()
        answer = self.answer(review)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


def honest(review: Review) -> Review:
    """Convert the objects of a review."""
    asked = review["request"]
    version = asked["desiredAPIVersion"]
    return answered(review, [_converted(each, version) for each in asked["objects"]])


def answered(review: Review, objects: Any, **changes: Any) -> Review:
    """Answer a review with objects."""
    response = {
        "uid": review["request"]["uid"],
        "result": {"status": "Success"},
        "convertedObjects": objects,
    }
    head = {"apiVersion": review["apiVersion"], "kind": "ConversionReview"}
    return {**head, "response": {**response, **changes}}


def _converted(document: dict[str, Any], api_version: str) -> dict[str, Any]:
    version = api_version.rpartition("/")[2]
    spec = dict(document.get("spec") or {})
    for member in _MEMBERS.values():
        if member in spec:
            spec[_MEMBERS[version]] = spec.pop(member)
    return {**document, "apiVersion": api_version, "spec": spec}


def widget_definition(group: str, conversion: dict[str, Any], stored: str = "v1") -> dict[str, Any]:
    """Return the definition."""
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == stored,
            "schema": {
                "openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "properties": spec}},
                }
            },
            "subresources": {"status": {}},
            "additionalPrinterColumns": [
                {"name": "Size", "type": "integer", "jsonPath": f".spec.{_MEMBERS[name]}"}
            ],
        }
        for name, spec in _SPEC.items()
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "conversion": conversion,
            "versions": versions,
        },
    }


def widget(group: str, name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
    """Return a widget."""
    metadata = {"name": name}
    return {
        "apiVersion": f"{group}/{version}",
        "kind": "Widget",
        "metadata": metadata,
        "spec": spec,
    }


@asynccontextmanager
async def serving_conversion(directory: Path) -> AsyncIterator[ConversionWebhook]:
    """Serve the webhook, with a certificate of an authority of its own, while the block runs."""
    webhook = ConversionWebhook()
    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/convert", webhook.convert)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    authority, context = _certificates(directory)
    await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
    webhook.port = runner.addresses[0][1]
    webhook.bundle = base64.b64encode(authority).decode()
    try:
        yield webhook
    finally:
        webhook.open.set()
        await cut_off(runner)


def _certificates(directory: Path) -> tuple[bytes, ssl.SSLContext]:
    """Return the certificate of an authority, and TLS with one that it has issued."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("authority", "authority", authority_key, authority_key)
    leaf = _certificate("webhook", "authority", key, authority_key)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = directory / "webhook.pem"
    path.write_bytes(private + leaf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return authority, context


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> bytes:
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address(HOST))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
