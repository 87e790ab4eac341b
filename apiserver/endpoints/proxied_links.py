"""Links and redirects of a backend, changed so that they lead through the proxy. Pure.

A backend does not know below which path it is served. The path of the proxy is put in front of
absolute paths and of URLs with the host of the backend. Links to other hosts and relative links are
not changed.
"""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import unquote, urlsplit

from apiserver.machinery.valueclasses import valueclass


@valueclass
class ProxyMapping:
    """The paths at which a backend is served; their ``prefix`` has no slash at the end.

    ``backend_host`` is the host and port of the backend, ``requested_host`` those of the request.
    """

    prefix: str
    backend_host: str
    requested_host: str

    def rewritten(self, link: str) -> str:
        """Return a link for clients of the proxy; what is not a URL is not changed."""
        try:
            parts = urlsplit(link)
        except ValueError:
            return link
        host = parts.netloc
        if host not in ("", self.backend_host, self.requested_host):
            return link
        if not parts.path.startswith("/"):
            return link
        if host != self.requested_host:
            parts = parts._replace(scheme="", netloc="")
        if not parts.path.startswith(self.prefix):
            parts = parts._replace(path=joined(self.prefix, parts.path))
        return parts.geturl()


def joined(prefix: str, path: str) -> str:
    """Return a path below a prefix: without dots and doubled slashes, its last slash preserved."""
    # A slash at the beginning keeps ``..`` from leaving the prefix.
    clean = normpath("/" + path.lstrip("/"))
    if path.endswith(("/", "/.", "/..")) and clean != "/":
        clean += "/"
    return prefix + clean


def without_dots(path: str) -> str:
    """Return an encoded path; if it has dot segments, as it is without them (RFC 3986)."""
    segments = [unquote(segment) for segment in path.split("/")]
    if "." not in segments and ".." not in segments:
        return path
    kept: list[str] = []
    for given, segment in zip(path.split("/"), segments, strict=True):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(given)
    end = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return "/" + "/".join(kept) + end
