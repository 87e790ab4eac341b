"""Clusters: members that fail one after the other, and client certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from storage.errors import OutcomeUnknown, RevisionConflict, Unavailable
from storage.etcd.store import EtcdStore
from storage.interface import ABSENT, Batch, Record
from storage.open import open_store
from tests.etcd_process import EtcdProcess, etcd_cluster, etcd_process
from tests.waiting import PATIENCE


@pytest.fixture
def members() -> Iterator[list[EtcdProcess]]:
    """Three members of one cluster. Some versions of etcd do not survive what is done to them."""
    with etcd_cluster(3) as processes:
        yield processes


def urls(members: list[EtcdProcess]) -> str:
    """Return the endpoints as they are given to ``open_store``."""
    return ",".join(member.endpoint for member in members)


async def test_a_write_through_one_member_is_read_through_another(
    members: list[EtcdProcess],
) -> None:
    stores = [await EtcdStore.open([member.endpoint]) for member in members]
    current = ABSENT
    for number in range(30):
        writer, reader = stores[number % 3], stores[(number + 1) % 3]
        record = await writer.put("/spread", b"%d" % number, expected=current)
        current = record.revision
        assert await reader.get("/spread") == record
        assert await reader.revision() >= current
    for store in stores:
        await store.close()


@pytest.mark.parametrize("victim", [0, 1, 2])
async def test_everything_goes_on_when_a_member_is_killed(
    members: list[EtcdProcess], victim: int
) -> None:
    # The store talks to the first member that it is given, so that one is the victim.
    ordered = members[victim:] + members[:victim]
    store = await open_store(urls(ordered))
    prefix = f"/killed-{victim}/"
    start = await store.revision()
    batches = cast("AsyncGenerator[Batch[bytes], None]", store.watch(prefix, after=start))
    async with aclosing(batches):
        await anext(batches)
        made = await store.put(f"{prefix}a", b"v", expected=ABSENT)
        await asyncio.to_thread(ordered[0].kill)
        async with asyncio.timeout(PATIENCE):
            changed = await write_at_last(store, made, b"w")
            assert await store.get(made.key) == changed
            seen: list[int] = []
            while len(seen) < 2:
                seen += [event.revision for event in (await anext(batches)).events]
        assert seen == [made.revision, changed.revision]
    await store.close()


async def write_at_last(store: EtcdStore, record: Record[bytes], value: bytes) -> Record[bytes]:
    """Change a record, however often etcd does not say what became of it or has no leader."""
    while True:
        try:
            return await store.put(record.key, value, expected=record.revision)
        except (OutcomeUnknown, Unavailable):
            continue
        except RevisionConflict as conflict:
            # A change of which nothing was known has been made.
            if conflict.current is None or conflict.current.value != value:
                raise
            return conflict.current


async def test_a_frozen_member_is_left_for_another(members: list[EtcdProcess]) -> None:
    """It keeps its connections and answers nothing; requests must not wait for it for ever."""
    store = await open_store(urls(members))
    made = await store.put("/frozen/a", b"v", expected=ABSENT)
    members[0].pause()
    try:
        async with asyncio.timeout(PATIENCE):
            assert await store.get(made.key) == made
            changed = await write_at_last(store, made, b"w")
    finally:
        members[0].resume()
    assert await store.get(made.key) == changed
    await store.close()


async def test_a_cluster_without_a_majority_is_unavailable(members: list[EtcdProcess]) -> None:
    store = await open_store(urls(members))
    made = await store.put("/majority/a", b"v", expected=ABSENT)
    try:
        for member in members[1:]:
            await asyncio.to_thread(member.stop)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(Unavailable):
                await store.get(made.key)
    finally:
        for member in members[1:]:
            member.spawn()
        for member in members[1:]:
            await asyncio.to_thread(member.wait_until_it_serves)
    async with asyncio.timeout(PATIENCE):
        assert await store.get(made.key) == made
    await store.close()


class Authority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key.public_key()).add_extension(
            constraints, critical=True
        )
        self.certificate = self._write("ca.crt", certificate.sign(self._key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[str, str]:
        """Return where the certificate and the key of ``name`` are."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(names, critical=False).add_extension(usage, critical=False)
        certificate = self._write(f"{name}.crt", builder.sign(self._key, hashes.SHA256()))
        path = self._directory / f"{name}.key"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, str(path)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(hours=1),
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        path = self._directory / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


async def test_etcd_over_tls_with_client_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.etcd.connection.CONNECT_WAIT", 1.0)
    monkeypatch.setattr("storage.etcd.store._OPEN_ATTEMPTS", 1)
    authority = Authority(tmp_path)
    server, client = authority.issue("server"), authority.issue("client")
    arguments = [
        f"--cert-file={server[0]}",
        f"--key-file={server[1]}",
        f"--trusted-ca-file={authority.certificate}",
        "--client-cert-auth",
    ]
    with etcd_process(*arguments, scheme="https") as etcd:
        files = {"cafile": authority.certificate, "certfile": client[0], "keyfile": client[1]}
        store = await open_store(etcd.endpoint, **files)
        made = await store.put("/a", b"v", expected=ABSENT)
        assert await store.get("/a") == made
        await store.close()
        with pytest.raises(Unavailable):
            await open_store(etcd.endpoint, cafile=authority.certificate)
