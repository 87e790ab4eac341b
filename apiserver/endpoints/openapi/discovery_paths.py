"""Discovery paths, and paths outside of all groups."""

from __future__ import annotations

from apiserver.endpoints.negotiation import JSON
from apiserver.endpoints.openapi.definitions import META
from apiserver.endpoints.openapi.naming import root, tag, title
from apiserver.endpoints.openapi.operations import TEXT, Operation, Path


def index_path(group: str, version: str) -> Path:
    """Return the path that lists the resources of a group version."""
    answer = {200: f"{META}APIResourceList"}
    name = f"get{title(group, version)}APIResources"
    operation = Operation("get", name, "get available resources", answer)
    return Path(f"{root(group, version)}/", tag(group, version), [operation])


def group_path(group: str) -> Path:
    """Return the path that lists the versions of a group."""
    answer = {200: f"{META}APIGroup"}
    name = f"get{title(group)}APIGroup"
    operation = Operation("get", name, "get information of a group", answer)
    return Path(f"/apis/{group}/", tag(group), [operation])


def standalone_paths() -> dict[str, Path]:
    """Return the paths outside of all groups, by the name of their document."""
    text = {200: TEXT}
    return {
        "api": Path("/api/", "core", [Operation(
            "get", "getCoreAPIVersions", "get available API versions",
            {200: f"{META}APIVersions"},
        )]),
        "apis": Path("/apis/", "apis", [Operation(
            "get", "getAPIVersions", "get available API versions",
            {200: f"{META}APIGroupList"},
        )]),
        "version": Path("/version/", "version", [Operation(
            "get", "getCodeVersion", "get the version information for this server",
            {200: "io.k8s.apimachinery.pkg.version.Info"}, (JSON,),
        )]),
        ".well-known/openid-configuration": Path(
            "/.well-known/openid-configuration/", "WellKnown", [Operation(
                "get", "getServiceAccountIssuerOpenIDConfiguration",
                "get service account issuer OpenID configuration, also known as the 'OIDC "
                "discovery doc'", text, (JSON,),
            )],
        ),
        "openid/v1/jwks": Path("/openid/v1/jwks/", "openid", [Operation(
            "get", "getServiceAccountIssuerOpenIDKeyset",
            "get service account issuer OpenID JSON Web Key Set (contains public token "
            "verification keys)", text, ("application/jwk-set+json",),
        )]),
    }  # fmt: skip
