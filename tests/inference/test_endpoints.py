"""Which URLs are allowed, and that connections go where the check looked."""

import asyncio
import ipaddress
from collections.abc import Sequence

import httpx2
import pytest

from alignray.errors import EngineError
from alignray.inference.endpoints import (
    Endpoint,
    find_proxy,
    is_public,
    resolve_endpoint,
    resolve_host,
)
from alignray.inference.pinned_transport import PinnedTransport

NAMES = {
    "api.example.com": ["93.184.216.34", "2606:2800:220:1::1"],
    "intranet.example.com": ["10.1.2.3"],
    "mixed.example.com": ["93.184.216.34", "192.168.1.1"],
    "metadata.example.com": ["169.254.169.254"],
    "localhost": ["127.0.0.1", "::1"],
    "local.example.com": ["127.0.0.1"],
    "split.example.com": ["127.0.0.1", "93.184.216.34"],
    "nowhere.example.com": [],
}


def look_up(host: str, port: int) -> Sequence[str]:
    if host not in NAMES:
        raise OSError("unknown name")
    return NAMES[host]


def check(url: str, allow_private: bool = False, proxy: str | None = None) -> Endpoint:
    return resolve_endpoint(
        url, allow_private=allow_private, resolve=look_up, proxy_of=lambda *_: proxy
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://93.184.216.34/v1",
        "https://[2606:2800:220:1::1]/v1",
        "http://localhost:8000/v1",
        "http://127.0.0.1:8000/v1",
        "http://127.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://local.example.com/v1",
        "https://localhost/v1",
    ],
)
def test_public_https_and_loopback_are_allowed(url: str) -> None:
    assert check(url).addresses


PRIVATE = [
    "https://intranet.example.com/v1",
    "https://mixed.example.com/v1",
    "https://metadata.example.com/v1",
    "https://10.0.0.1/v1",
    "https://172.16.9.9/v1",
    "https://192.168.0.1/v1",
    "https://100.64.0.1/v1",
    "https://169.254.169.254/v1",
    "https://0.0.0.0/v1",
    "https://224.0.0.1/v1",
    "https://240.0.0.1/v1",
    "https://255.255.255.255/v1",
    "https://[::]/v1",
    "https://[fe80::1]/v1",
    "https://[fc00::1]/v1",
    "https://[ff02::1]/v1",
    "https://[::ffff:10.0.0.1]/v1",
    "https://[64:ff9b::a00:1]/v1",
    "https://[2002:a00:1::]/v1",
    "https://167772161/v1",
    "https://0xa000001/v1",
    "https://012.0.0.1/v1",
    "https://[4000::1]/v1",
    "http://split.example.com/v1",
    "http://api.example.com/v1",
    "http://93.184.216.34/v1",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_other_addresses_and_plain_http_need_allow_private(url: str) -> None:
    with pytest.raises(EngineError, match="allow_private") as caught:
        check(url)
    assert "\n" not in str(caught.value)
    assert check(url, allow_private=True).addresses


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("ftp://api.example.com/v1", "not an http"),
        ("file:///etc/hosts", "not an http"),
        ("api.example.com/v1", "not an http"),
        ("https:///v1", "not an http"),
        ("", "not an http"),
        ("https://api.example.com:99999/v1", "not a URL"),
        ("https://[::1/v1", "not a URL"),
        ("https://api.example.com/v1?key=1", "query"),
        ("https://api.example.com/v1#top", "query or fragment"),
        ("https://unknown.example.com/v1", "unknown host"),
        ("https://nowhere.example.com/v1", "without an address"),
    ],
)
def test_what_is_no_base_url_is_refused_even_if_private_is_allowed(url: str, found: str) -> None:
    with pytest.raises(EngineError, match=found):
        check(url, allow_private=True)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(EngineError) as caught:
        check("https://user:hunter2@api.example.com/v1")
    assert "hunter2" not in str(caught.value) and "user or password" in str(caught.value)


def test_the_real_resolver_knows_this_machine() -> None:
    endpoint = resolve_endpoint("http://localhost:1234/v1/")
    assert endpoint.url == "http://localhost:1234/v1" and endpoint.host == "localhost"
    assert set(endpoint.addresses) <= {"127.0.0.1", "::1"}
    assert resolve_host("127.0.0.1", 80) == ["127.0.0.1"]


def test_a_proxy_resolves_names_but_not_literals_nor_this_machine() -> None:
    proxied = check("https://api.example.com/v1", proxy="http://proxy:3128")
    assert (proxied.addresses, proxied.proxy) == ((), "http://proxy:3128")
    assert check("http://localhost/v1", proxy="http://proxy:3128").proxy is None
    with pytest.raises(EngineError, match="allow_private"):
        check("https://10.0.0.1/v1", proxy="http://proxy:3128")
    with pytest.raises(EngineError, match="plain http"):
        check("http://api.example.com/v1", proxy="http://proxy:3128")


def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert find_proxy("https", "api.example.com") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "judge.example.com")
    assert find_proxy("https", "api.example.com") == "http://proxy:3128"
    assert find_proxy("http", "api.example.com") is None
    assert find_proxy("https", "judge.example.com") is None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("::ffff:8.8.8.8", True),
        ("2002:808:808::", True),
        ("64:ff9b::808:808", True),
        ("::ffff:127.0.0.1", False),
        ("127.0.0.1", False),
    ],
)
def test_embedded_addresses_count(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


class RecordingTransport(httpx2.AsyncBaseTransport):
    """Answers 200 at some addresses and refuses connections at others."""

    def __init__(self, dead: set[str]) -> None:
        self.dead = dead
        self.seen: list[httpx2.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if request.url.host in self.dead:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, json={"ok": True})

    async def aclose(self) -> None:
        self.closed = True


def test_pinned_connections_keep_host_and_tls_name() -> None:
    async def run() -> None:
        inner = RecordingTransport(dead={"192.0.2.1"})
        pinned = PinnedTransport("api.example.com", ["192.0.2.1", "2001:db8::2"], inner)
        async with httpx2.AsyncClient(transport=pinned) as client:
            for _ in range(2):
                response = await client.post("https://api.example.com:8443/v1", json={"a": 1})
                assert response.status_code == 200
            with pytest.raises(httpx2.UnsupportedProtocol):
                await client.get("https://elsewhere.example.com/v1")
        assert [r.url.host for r in inner.seen] == ["192.0.2.1", "2001:db8::2", "2001:db8::2"]
        assert {r.headers["host"] for r in inner.seen} == {"api.example.com:8443"}
        assert {r.extensions["sni_hostname"] for r in inner.seen} == {"api.example.com"}
        assert inner.closed

    asyncio.run(run())


def test_all_addresses_refusing_is_a_connection_error() -> None:
    async def run() -> None:
        pinned = PinnedTransport("a.b", ["192.0.2.1"], RecordingTransport(dead={"192.0.2.1"}))
        async with httpx2.AsyncClient(transport=pinned) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get("https://a.b/")

    asyncio.run(run())
