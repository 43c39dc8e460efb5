"""Signing keys over TLS, from a worker's own process: it trusts the machine's certificates and no others."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
import sys
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from rookery.broker.delivery.token_signer import TokenSigner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FETCHES = """
import rookery.worker.__main__
import asyncio, sys
from rookery.worker.auth.policy import KeysUnavailableError
from rookery.worker.auth.jwks import JwksClient

async def asked():
    async with JwksClient(sys.argv[1]) as keys:
        return await keys.key(sys.argv[2])

try:
    print(asyncio.run(asked()))
except KeysUnavailableError as error:
    print(error)
"""
"""As `python -m rookery.worker` imports what it needs."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")]),
    )
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner(time.time)


@pytest.fixture
async def url(certificate: Path, signer: TokenSigner) -> AsyncIterator[str]:
    async def keys(_: web.Request) -> web.Response:
        return web.json_response(signer.jwks())

    app = web.Application()
    app.router.add_get("/certs", keys)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/certs"
    await runner.cleanup()


async def fetched(url: str, key_id: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FETCHES, url, key_id),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return said.decode().strip()


async def test_keys_come_from_a_server_that_the_machine_trusts(
    url: str, signer: TokenSigner, certificate: Path
) -> None:
    """The certificates that SSL_CERT_FILE names count, as everywhere on the machine."""
    key_id = signer.jwks()["keys"][0]["kid"]
    said = await fetched(url, key_id, SSL_CERT_FILE=str(certificate))
    assert said.startswith("-----BEGIN PUBLIC KEY-----")


async def test_no_keys_come_from_a_server_that_the_machine_does_not_trust(
    url: str, signer: TokenSigner
) -> None:
    """A false server of keys could forge any token."""
    said = await fetched(url, signer.jwks()["keys"][0]["kid"])
    assert "CERTIFICATE_VERIFY_FAILED" in said
