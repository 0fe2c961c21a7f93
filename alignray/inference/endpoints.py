"""Which URLs an engine may talk to, decided once, before the first byte is sent.

A URL from a recipe must not turn the machine into a way into its own network (server-side request
forgery): private, link-local, reserved and multicast addresses are refused unless
`allow_private` says that this is meant. Loopback is always allowed: it is where people run judges.
The host is resolved here, once, and the connection goes to the addresses found here
(`pinned_transport.py`), so that a name cannot change its meaning after the check. Redirects are
not followed. Behind a proxy of the environment (`HTTPS_PROXY`) the proxy resolves the name; then
scheme, host literals and redirects are checked, and the name's address is the proxy's business.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from alignray.errors import EngineError

DEFAULT_URL = "https://api.openai.com/v1"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Endpoint:
    """A checked URL, and where it leads.

    Example: `Endpoint("http://localhost:8000/v1", "localhost", ("127.0.0.1",), None)`.
    """

    url: str
    host: str
    addresses: tuple[str, ...]
    """IP addresses to connect to; none behind a proxy."""
    proxy: str | None


def resolve_host(host: str, port: int) -> list[str]:
    """The IP addresses of a host, in the resolver's order, each once.

    Raises:
        OSError: the name is unknown.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def find_proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names for a URL, as `curl` and `requests` would use it."""
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all")


def resolve_endpoint(
    url: str,
    *,
    allow_private: bool = False,
    resolve: Resolver = resolve_host,
    proxy_of: Callable[[str, str], str | None] = find_proxy,
) -> Endpoint:
    """Checks a URL and resolves its host.

    Args:
        url: base URL of the API.
        allow_private: allow addresses that are not public, and plain http to any.
        resolve: host and port -> IP addresses.
        proxy_of: scheme and host -> proxy URL or None.

    Raises:
        EngineError: the URL is not allowed, or its host is unknown.
    """
    parts, port = _split(url)
    host = parts.hostname or ""
    literal = _parse_address(host)
    proxy = None if literal or host == "localhost" else proxy_of(parts.scheme, host)
    addresses = [str(literal)] if literal else [] if proxy else _resolve(host, port, resolve)
    if not allow_private:
        _check_addresses(parts, [_parse_known_address(address) for address in addresses])
    return Endpoint(url.rstrip("/"), host, tuple(addresses), proxy)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, looking through embedded IPv4."""
    address = _unwrap(address)
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise _refuse("base_url", "not a URL", "http(s)://host[:port]/path") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _refuse("base_url", "not an http(s) URL", "http(s)://host[:port]/path")
    if parts.username is not None or parts.password is not None:
        raise _refuse(
            _name(parts), "has a user or password in it", "a key in the variable api_key_env names"
        )
    if parts.query or parts.fragment:
        raise _refuse(_name(parts), "has a query or fragment", "a plain base URL")
    return parts, port


def _resolve(host: str, port: int, resolve: Resolver) -> list[str]:
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise _refuse(host, "unknown host", "a name that resolves", "check base_url") from error
    if not addresses:
        raise _refuse(host, "host without an address", "a name that resolves", "check base_url")
    return addresses


def _check_addresses(parts: SplitResult, addresses: Sequence[Address]) -> None:
    name = _name(parts)
    for address in addresses:
        if not _is_loopback(address) and not is_public(address):
            raise _refuse(
                name,
                f"leads to {address}, which is not a public address",
                "a public or loopback address",
                "set allow_private=true if this is meant",
            )
    all_loopback = bool(addresses) and all(_is_loopback(address) for address in addresses)
    if parts.scheme == "http" and not all_loopback:
        raise _refuse(
            name,
            "plain http to another machine: prompts and key would travel unencrypted",
            "https",
            "set allow_private=true if this is meant",
        )


def _is_loopback(address: Address) -> bool:
    return _unwrap(address).is_loopback


def _unwrap(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4 or NAT64 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _parse_address(host: str) -> Address | None:
    """An address in any spelling that the system's resolver takes, e.g. `127.1`; else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _parse_known_address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise _refuse(text, "not an IP address", "an answer of a resolver") from error


def _name(parts: SplitResult) -> str:
    """Scheme and host: never user, password or query."""
    return f"{parts.scheme}://{parts.hostname}"


def _refuse(where: str, found: str, expected: str, do: str = "") -> EngineError:
    return EngineError(where, found, expected, do)
