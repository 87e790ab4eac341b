"""A TLS server that answers every request with given bytes, for tests of webhook clients."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = bytes | Callable[[bytes], bytes]


@dataclass(frozen=True)
class Certificate:
    """A certificate that signs itself, and its key."""

    pem: str
    key: str


def make_certificate(
    *names: str, common_name: str = "webhook", valid: tuple[int, int] = (-1, 1)
) -> Certificate:
    """Return a certificate for DNS names and addresses, valid between two days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=valid[0]))
        .not_valid_after(now + timedelta(days=valid[1]))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False
        )
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Webhook:
    """A running server; ``answer`` is what it sends, ``None`` for nothing ever.

    It may be a function of the body of a request.
    """

    port: int = 0
    answer: Answer | None = b""
    closes: bool = False
    secure: bool = True
    connections: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open[writer] = asyncio.current_task()
        try:
            if not self.secure and isinstance(self.answer, bytes):
                writer.write(self.answer)
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode().strip().split("\r\n")
                fields = (each.partition(": ") for each in lines)
                headers = {name.lower(): value for name, _, value in fields}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((line, headers, body))
                if self.answer is not None:
                    writer.write(
                        self.answer if isinstance(self.answer, bytes) else self.answer(body)
                    )
                    await writer.drain()
                if self.closes:
                    break
        except (OSError, asyncio.IncompleteReadError):
            # The client has closed the connection.
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        """Close all connections."""
        for writer in self.open:
            writer.transport.abort()
        tasks = [task for task in self.open.values() if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return a response."""
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def running_webhook(
    certificate: Certificate | None, answer: Answer | None = b"", *, closes: bool = False
) -> AsyncIterator[Webhook]:
    """Run a server, with TLS if it has a certificate."""
    webhook = Webhook(answer=answer, closes=closes, secure=certificate is not None)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = lambda _, name, __: webhook.names.append(name)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "both.pem"
            path.write_text(certificate.key + certificate.pem)
            context.load_cert_chain(path)
    server = await asyncio.start_server(webhook.serve, "127.0.0.1", 0, ssl=context)
    webhook.port = server.sockets[0].getsockname()[1]
    try:
        yield webhook
    finally:
        server.close()
        await webhook.close()
