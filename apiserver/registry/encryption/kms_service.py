"""KMSService: the calls of the KMS v2 API (KEP-3299) to a plugin on a unix socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from storage.etcd.grpc_channel import GRPCChannel, TLSFiles
from storage.etcd.grpc_status import CallError, StatusCode
from storage.etcd.message_classes import message_classes

# The annotations are a map: on the wire a repeated message of a key and a value.
_MESSAGES: Final = {
    "Annotation": ("1 key string", "2 value bytes"),
    "StatusRequest": (),
    "StatusResponse": ("1 version string", "2 healthz string", "3 key_id string"),
    "DecryptRequest": (
        "1 ciphertext bytes",
        "2 uid string",
        "3 key_id string",
        "4 annotations repeated Annotation",
    ),
    "DecryptResponse": ("1 plaintext bytes",),
    "EncryptRequest": ("1 plaintext bytes", "2 uid string"),
    "EncryptResponse": (
        "1 ciphertext bytes",
        "2 key_id string",
        "3 annotations repeated Annotation",
    ),
    # The stored form of a value. The type of the source is an enum: a number on the wire.
    "EncryptedObject": (
        "1 encryptedData bytes",
        "2 keyID string",
        "3 encryptedDEKSource bytes",
        "4 annotations repeated Annotation",
        "5 encryptedDEKSourceType uint64",
    ),
}
_CLASSES: Final = message_classes("kms/v2.proto", "v2", _MESSAGES, {})
Annotation: Any = _CLASSES["Annotation"]
EncryptedObject: Any = _CLASSES["EncryptedObject"]

_UNREACHABLE: Final = frozenset([StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED])


class KMSError(Exception):
    """A call has failed; the message is that of Go's gRPC library.

    ``unreachable``: the plugin cannot be reached, or does not answer.
    """

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable


class KMSStatus(NamedTuple):
    """The status of a plugin."""

    version: str
    healthz: str
    key_id: str


class EncryptedKey(NamedTuple):
    """An encrypted key, and what the plugin needs to decrypt it."""

    ciphertext: bytes
    key_id: str
    annotations: Mapping[str, bytes]


class KMSService:
    """A plugin at ``endpoint``, ``unix:///path``; a call takes ``timeout`` seconds at most."""

    def __init__(self, endpoint: str, timeout: float) -> None:
        self._channel = GRPCChannel(endpoint, TLSFiles(), {}, package="v2")
        self._timeout = timeout

    async def status(self) -> KMSStatus:
        """Ask for the version, the health and the id of the key. Raises KMSError."""
        answer = await self._call("Status", _CLASSES["StatusRequest"]())
        return KMSStatus(answer.version, answer.healthz, answer.key_id)

    async def encrypt(self, uid: str, plaintext: bytes) -> EncryptedKey:
        """Encrypt a key. Raises KMSError."""
        request = _CLASSES["EncryptRequest"](plaintext=plaintext, uid=uid)
        answer = await self._call("Encrypt", request)
        annotations = {each.key: each.value for each in answer.annotations}
        return EncryptedKey(answer.ciphertext, answer.key_id, annotations)

    async def decrypt(self, uid: str, encrypted: EncryptedKey) -> bytes:
        """Decrypt a key. Raises KMSError."""
        request = _CLASSES["DecryptRequest"](
            ciphertext=encrypted.ciphertext,
            uid=uid,
            key_id=encrypted.key_id,
            annotations=[Annotation(key=k, value=v) for k, v in encrypted.annotations.items()],
        )
        plaintext: bytes = (await self._call("Decrypt", request)).plaintext
        return plaintext

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def _call(self, method: str, request: Any) -> Any:
        if not await self._channel.wait_until_ready(self._timeout):
            failure = self._channel.failure or "the plugin does not answer"
            message = f"rpc error: code = Unavailable desc = {failure}"
            raise KMSError(message, unreachable=True)
        try:
            data = await self._channel.call(
                f"KeyManagementService/{method}", request.SerializeToString(), self._timeout
            )
            return _CLASSES[f"{method}Response"].FromString(data)
        except CallError as error:
            code = error.code.name.title().replace("_", "")
            message = f"rpc error: code = {code} desc = {error.details}"
            raise KMSError(message, unreachable=error.code in _UNREACHABLE) from error
        except DecodeError as error:
            raise KMSError(f"rpc error: code = Internal desc = {error}") from error
