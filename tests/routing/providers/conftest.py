import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from routing.providers.base import ChatCall, Deadlines, ProviderConfig
from routing.providers.http_client import HttpClient
from tests.fake_upstream.faults import Pace
from tests.fake_upstream.running import FakeUpstream

KEY = "sk-canary-0123456789abcdef"

# The slow faults of the fake take longer than any of these, the others far less.
PATIENT = Deadlines(connect=2.0, first_token=5.0, between_tokens=5.0, total=10.0)

MakeCall = Callable[..., ChatCall]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on both loops: the gateway uses uvloop, and the transports differ in what they forgive."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(pace=Pace(slow_first=1.0, slow_chunk=0.3), completion_text="the answer is four") as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    running = HttpClient()
    yield running
    await running.aclose()


@pytest.fixture
def openai(upstream: FakeUpstream) -> ProviderConfig:
    return ProviderConfig("fake", "openai_compatible", upstream.base_url, KEY, PATIENT)


@pytest.fixture
def claude(upstream: FakeUpstream) -> ProviderConfig:
    return ProviderConfig("claude", "anthropic", upstream.origin, KEY, PATIENT)


@pytest.fixture
def make_call() -> MakeCall:
    def make(model: str = "ok", prompt: str = "What is two and two?", **body: Any) -> ChatCall:
        messages = [{"role": "user", "content": prompt}]
        return ChatCall("attempt-1", model, {"model": "auto", "messages": messages, **body})

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    return context


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    """What a client needs to believe the server above."""
    return ssl.create_default_context(cafile=str(certificate))
