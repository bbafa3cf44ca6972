"""TLS: a server with a certificate, and the real agent that knows its authority, or does not."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from joblog.core.settings import Settings
from joblog.errors import Invalid
from joblog.server.host import tls_options
from tests.agent.harness import Agent
from tests.conftest import start_server

KEY_USE = partial(
    x509.KeyUsage,
    **{"digital_signature": True, "content_commitment": False, "key_encipherment": False, "data_encipherment": False},
    **{"key_agreement": False, "encipher_only": False, "decipher_only": False},
)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Makes a certificate of an hour: an authority's for itself, else one for 127.0.0.1."""
    now, is_authority = datetime.datetime.now(datetime.UTC), subject == issuer
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
    hour = datetime.timedelta(hours=1)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - hour).not_valid_after(now + hour)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(identifier, critical=False)  # Python 3.13 and newer want this and the next
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signs = {name: is_authority for name in ("key_cert_sign", "crl_sign")}
    builder = builder.add_extension(KEY_USE(**signs), critical=True)
    if not is_authority:
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(here, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate, a server's, and its key."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    paths = tmp_path / "authority.pem", tmp_path / "server.pem", tmp_path / "server.key"
    plain = serialization.NoEncryption()
    paths[0].write_bytes(certificate("authority", authority, "authority", authority).public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(certificate("server", key, "authority", authority).public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return paths


def test_agent_and_server_over_tls(agent: Agent, files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """All that a job prints, with the authority in SSL_CERT_FILE; without it nothing is sent, and the job is not harmed."""
    authority, cert, key = files
    server = start_server(tmp_path / "data", tls_cert=cert, tls_key=key)
    assert server.url.startswith("https://127.0.0.1:")
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token}
    ran = agent.run(agent.job("echo", "nobody hears", options=("--job", "tls", "--wait", "0")))
    assert (ran.returncode, ran.stdout) == (0, b"nobody hears\n")
    assert "certificate verify failed" in agent.refused("jobs").lower()
    agent.environ["SSL_CERT_FILE"] = str(authority)
    agent.said("sync")
    ran = agent.run(agent.job("echo", "over tls", options=("--job", "tls", "--run-id", "second", "--wait", "60")))
    assert ran.returncode == 0
    assert (agent.said("cat", "tls/V0001"), agent.said("cat", "tls/V0002")) == (b"nobody hears\n", b"over tls\n")
    assert agent.said("verify", "tls").startswith(b"tls/V0002/worker-0: complete\n")
    port = int(server.url.rpartition(":")[2])
    trusting = ssl.create_default_context(cafile=str(authority))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        assert encrypted.version() == "TLSv1.3"
    assert server.stop() == 0


def test_files_that_are_no_certificate(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Are told before anything is served; both are needed, and they must belong together."""
    authority, cert, key = files
    with pytest.raises(Invalid, match=r"^tls_cert and tls_key must be both given, or neither$"):
        Settings(data=tmp_path, tls_cert=str(cert))
    for bad in ((key, key), (authority, key), (tmp_path / "nothing", key)):
        with pytest.raises(Invalid, match=r"^tls_cert and tls_key must be a certificate and its private key"):
            tls_options(Settings(data=tmp_path, tls_cert=str(bad[0]), tls_key=str(bad[1])))
