"""OpenID Connect Discovery documents of the token issuer.

They are created on first request. An issuer that is not an HTTPS URL has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.access.serviceaccounts.token_keys import KeyRing

CONFIGURATION: Final = "/.well-known/openid-configuration"
KEYS: Final = "/openid/v1/jwks"


class IssuerDocuments(Mapping[str, bytes]):
    """Maps paths to documents, for an issuer whose keys are at ``key_set_url``."""

    def __init__(self, issuer: str, key_set_url: str, keys: KeyRing) -> None:
        self._issuer = issuer
        self._key_set_url = key_set_url
        self._keys = keys
        self._paths = (CONFIGURATION, KEYS) if issuer.startswith("https://") else ()
        self._made: dict[str, bytes] = {}

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        if path not in self._made:
            document = self._configuration() if path == CONFIGURATION else self._key_set()
            self._made[path] = json.dumps(document, separators=(",", ":")).encode()
        return self._made[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _configuration(self) -> dict[str, Any]:
        algorithms = {key.algorithm for key in self._keys.verification_keys}
        return {
            "issuer": self._issuer,
            "jwks_uri": self._key_set_url,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(algorithms),
        }

    def _key_set(self) -> dict[str, Any]:
        return {"keys": [key.as_jwk() for key in self._keys.verification_keys]}
