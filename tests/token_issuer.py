"""An issuer of OpenID Connect tokens: its keys, and the server with its documents."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.json_server import serving_json

AUDIENCE: Final = "the-cluster"
CURVES: Final = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


class SigningKey:
    """A private key with its id, for one algorithm."""

    def __init__(self, key_id: str, algorithm: str = "ES256") -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.private: Any = (
            ec.generate_private_key(CURVES[algorithm])
            if algorithm in CURVES
            else rsa.generate_private_key(65537, 2048)
        )

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a token."""
        headers = {"kid": self.key_id, **header}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)

    @property
    def document(self) -> dict[str, Any]:
        """The public key, as it is published."""
        kind = ECAlgorithm if self.algorithm in CURVES else RSAAlgorithm
        found: dict[str, Any] = json.loads(kind.to_jwk(self.private.public_key()))
        return {**found, "kid": self.key_id, "use": "sig", "alg": self.algorithm}


class TokenIssuer:
    """The documents of an issuer at a URL, and tokens that it signs with the first of its keys."""

    def __init__(self, url: str, *keys: SigningKey) -> None:
        self.url = url
        self.keys = list(keys) or [SigningKey("first")]
        #: The paths that were asked for.
        self.asked: list[str] = []

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return claims that are valid, and others."""
        now = int(time.time())
        valid = {"iss": self.url, "aud": AUDIENCE, "sub": "jane", "exp": now + 600, "iat": now}
        return {**valid, **claims}

    def token(self, **claims: Any) -> str:
        """Return a token with valid claims, and others."""
        return self.keys[0].sign(self.claims(**claims))

    def document(self, path: str) -> Any:
        """Return what is published at a path."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [key.document for key in self.keys]}


@contextmanager
def serving_issuer(directory: Path) -> Iterator[tuple[TokenIssuer, Path]]:
    """Yield an issuer that is served over TLS, and its certificate."""
    issuer = TokenIssuer("")
    with serving_json(directory, lambda path, _, __: issuer.document(path)) as server:
        issuer.url = server.url
        yield issuer, server.certificate
