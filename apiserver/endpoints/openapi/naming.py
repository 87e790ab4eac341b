"""Names in OpenAPI documents: of operations, tags and documents."""

from __future__ import annotations


def tag(group: str, version: str = "") -> str:
    """Return the tag of the operations of a group version."""
    words = _words(group)
    name = words[:1].lower() + words[1:] if words else "core"
    return f"{name}_{version}" if version else name


def title(group: str, version: str = "") -> str:
    """Return the part of an operation id that names the group version."""
    return (_words(group) or "Core") + capitalised(version)


def root(group: str, version: str) -> str:
    """Return the path prefix of a group version."""
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def with_article(kind: str) -> str:
    """Return ``a Pod``, ``an Ingress``, ``Endpoints``."""
    if kind.endswith("s") and not kind.endswith("ss"):
        return kind
    return f"an {kind}" if kind[:1] in "AEIOU" else f"a {kind}"


def capitalised(word: str) -> str:
    """Return a word with its first letter in upper case."""
    return word[:1].upper() + word[1:]


def _words(group: str) -> str:
    labels = group.removesuffix(".k8s.io").replace("-", ".").split(".")
    return "".join(map(capitalised, labels))
