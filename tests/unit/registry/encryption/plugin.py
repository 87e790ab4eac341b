"""A KMS plugin on a unix socket, made with the gRPC library, which tests can make fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from apiserver.registry.encryption.kms_service import _CLASSES


class Plugin:
    """Encrypts by turning bytes around, behind the id of its key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key_id = "key-1"
        self.healthz = "ok"
        self.calls: list[str] = []
        #: What the next calls of a method fail with.
        self.refuses: dict[str, grpc.StatusCode] = {}
        #: Set while calls are to be answered.
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def endpoint(self) -> str:
        return f"unix://{self.path}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer while the block runs."""
        server = grpc.aio.server()
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._handler(name),
                request_deserializer=_CLASSES[f"{name}Request"].FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name in ("Status", "Encrypt", "Decrypt")
        }
        service = grpc.method_handlers_generic_handler("v2.KeyManagementService", handlers)
        server.add_generic_rpc_handlers((service,))
        server.add_insecure_port(self.endpoint)
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)

    def _handler(self, name: str) -> Any:
        async def handle(request: Any, context: Any) -> Any:
            self.calls.append(name)
            await self.answers.wait()
            if name in self.refuses:
                await context.abort(self.refuses[name], "refused")
            return getattr(self, name.lower())(request)

        return handle

    def status(self, request: Any) -> Any:
        return _CLASSES["StatusResponse"](version="v2", healthz=self.healthz, key_id=self.key_id)

    def encrypt(self, request: Any) -> Any:
        annotations = [_CLASSES["Annotation"](key="a.example.com", value=b"1")]
        ciphertext = self.key_id.encode() + b"|" + request.plaintext[::-1]
        return _CLASSES["EncryptResponse"](
            ciphertext=ciphertext, key_id=self.key_id, annotations=annotations
        )

    def decrypt(self, request: Any) -> Any:
        key_id, _, reversed_bytes = request.ciphertext.partition(b"|")
        assert (key_id.decode(), request.annotations[0].value) == (request.key_id, b"1")
        assert request.uid
        return _CLASSES["DecryptResponse"](plaintext=reversed_bytes[::-1])
