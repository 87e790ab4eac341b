"""Files that change are loaded again; those that cannot be used change nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from apiserver.access.authentication.token_file import read_token_file
from apiserver.access.loaded_files import LoadedFiles
from apiserver.server.assembly import (
    PRODUCTION,
    Server,
    StorageOptions,
    open_configured_store,
)
from apiserver.server.cli import parse_arguments
from apiserver.server.pki import CertificateNames, Identity, load_or_create_identity
from apiserver.server.reloading import Reloader, reloading
from apiserver.server.serving import Embedding, serve_until
from apiserver.server.tls import ReloadableContext, tls_context
from storage.interface import FeedStore
from tests.waiting import eventually

NAMES = CertificateNames(["localhost"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "tokens.csv"
    made.write_text("one,jane,1\n")
    return made


async def test_a_changed_token_file_is_in_effect(path: Path) -> None:
    tokens = read_token_file(path)
    reloader = Reloader([LoadedFiles("the tokens", [path], lambda: tokens.reload(path))])
    path.write_text("second,joe,2\n")
    reloader.check()
    assert await tokens.authenticate("one") is None
    user = await tokens.authenticate("second")
    assert user is not None
    assert user.name == "joe"


@pytest.mark.parametrize("content", ["rubbish\n", '"', None])
async def test_a_broken_file_keeps_what_was_there_and_is_reported_once(
    path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = read_token_file(path)
    reloader = Reloader([LoadedFiles("the tokens", [path], lambda: tokens.reload(path))])
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    for _ in range(5):
        reloader.check()
    assert await tokens.authenticate("one") is not None
    (record,) = caplog.records
    assert "stays in effect" in record.message
    path.write_text("third,joe,2\n")
    reloader.check()
    assert await tokens.authenticate("third") is not None


def test_an_unchanged_file_is_not_read(path: Path, tmp_path: Path) -> None:
    reads: list[str] = []
    link = tmp_path / "link"
    link.symlink_to(path)
    reloader = Reloader([LoadedFiles("the file", [link], lambda: reads.append(link.read_text()))])
    reloader.check()
    assert reads == []
    # A mounted Secret changes so: a link points to another file.
    other = tmp_path / "other"
    other.write_text("two,jane,1\n")
    os.symlink(other, tmp_path / "new")
    (tmp_path / "new").rename(link)
    reloader.check()
    reloader.check()
    assert reads == ["two,jane,1\n"]


async def test_sighup_reloads_what_has_not_changed_too(path: Path) -> None:
    reads: list[int] = []
    reloader = Reloader([LoadedFiles("the file", [path], lambda: reads.append(1))])
    async with reloading(reloader, interval=3600):
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: reads)
    assert reads == [1]


async def test_the_files_are_looked_at_again_and_again(path: Path) -> None:
    reads: list[int] = []
    reloader = Reloader([LoadedFiles("the file", [path], lambda: reads.append(1))])
    async with reloading(reloader, interval=0.001):
        for expected in (1, 2):
            path.write_text("x" * expected)
            await eventually(lambda expected=expected: len(reads) == expected)


def presented(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[bytes | None, bytes | None]:
    """Connect in memory; return the certificates of the server and of the client."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one, other = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return one.getpeercert(binary_form=True), other.getpeercert(binary_form=True)


class Changing:
    """A server whose files are replaced by those of other identities."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.identity = load_or_create_identity(directory / "own", NAMES, None)
        self.client_ca = directory / "clients.crt"
        self.authorities_changed = 0
        self.trust(self.other("first"))
        self.context = ReloadableContext(self.build)
        self.context.authorities_changed = self.changed
        serving = self.identity.serving
        files = [serving.certificate, serving.key, self.client_ca]
        self.reloader = Reloader([LoadedFiles("the certificates", files, self.context.reload)])

    def build(self) -> ssl.SSLContext:
        return tls_context(self.identity, [str(self.client_ca)])

    def changed(self) -> None:
        self.authorities_changed += 1

    def other(self, name: str) -> Identity:
        return load_or_create_identity(self.directory / name, NAMES, None)

    def trust(self, other: Identity) -> None:
        shutil.copy(other.ca.certificate, self.client_ca)

    def connect(self, client: Identity) -> tuple[bytes | None, bytes | None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(client.admin.certificate, client.admin.key)
        return presented(self.context, context)


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_new_handshakes_use_the_new_certificate(tmp_path: Path) -> None:
    server = Changing(tmp_path)
    serving, new = server.identity.serving, server.other("new").serving
    assert server.connect(server.identity)[0] == der(serving.certificate)
    shutil.copy(new.certificate, serving.certificate)
    server.reloader.check()
    # The key is still the old one.
    assert server.connect(server.identity)[0] not in (None, der(new.certificate))
    shutil.copy(new.key, serving.key)
    server.reloader.check()
    assert server.connect(server.identity)[0] == der(new.certificate)
    assert server.authorities_changed == 0


def test_new_handshakes_trust_the_new_client_authority_and_no_longer_the_old(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = Changing(tmp_path)
    first, second = server.other("first"), server.other("second")
    assert server.connect(first)[1] == der(first.admin.certificate)
    server.trust(second)
    server.reloader.check()
    assert server.authorities_changed == 1
    assert server.connect(second)[1] == der(second.admin.certificate)
    with pytest.raises(ssl.SSLError):
        server.connect(first)
    server.client_ca.write_text("no certificate")
    server.reloader.check()
    assert server.connect(second)[1] == der(second.admin.certificate)
    assert [each.levelname for each in caplog.records] == ["INFO", "WARNING"]


class Renewed(Embedding):
    """A server whose certificate is renewed while it waits for its store."""

    owns_process = False

    def __init__(self, certificate: Path, stop: asyncio.Event) -> None:
        self._certificate = certificate
        self._stop = stop
        self.environment = replace(PRODUCTION, open_store=self.open_store)

    async def open_store(self, storage: StorageOptions) -> FeedStore[bytes]:
        os.utime(self._certificate, ns=(1, 1))
        return await open_configured_store(storage)

    @asynccontextmanager
    async def serving(self, server: Server, url: str, kubeconfig: Path) -> AsyncIterator[None]:
        self._stop.set()
        yield


async def test_certificates_that_change_before_the_store_is_open_are_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[str] = []

    class Noting(Reloader):
        def __init__(self, groups: Sequence[LoadedFiles]) -> None:
            super().__init__(groups)
            changed.extend(group.name for group in groups if group.state() != group.seen)

    monkeypatch.setattr("apiserver.server.serving.Reloader", Noting)
    flags = [f"--data-dir={tmp_path}", "--secure-port=0", "--storage=memory://"]
    config, _ = parse_arguments([*flags, f"--cert-dir={tmp_path}"])
    serving = load_or_create_identity(tmp_path, NAMES, None).serving
    stop = asyncio.Event()
    await serve_until(config, stop, Renewed(serving.certificate, stop))
    assert changed == ["the certificates"]
