"""HTTP connections that go to the addresses that were checked, whatever the name means now."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Connects to fixed IP addresses of one host; `Host` header and TLS name stay the host's.

    An address that refuses the connection is followed by the next; the one that worked is kept.
    """

    def __init__(
        self, host: str, addresses: Sequence[str], inner: httpx2.AsyncBaseTransport
    ) -> None:
        self._host = host
        self._addresses = list(addresses)
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request to the pinned host.

        Raises:
            httpx2.UnsupportedProtocol: the request is for another host.
            httpx2.ConnectError: no address accepts the connection.
        """
        if request.url.host != self._host:
            raise httpx2.UnsupportedProtocol(f"requests go to {self._host} alone", request=request)
        last: httpx2.TransportError | None = None
        for address in list(self._addresses):
            try:
                response = await self._inner.handle_async_request(self._point(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                last = error
                continue
            self._addresses.sort(key=lambda other: other != address)
            return response
        raise last or httpx2.ConnectError(f"no address for {self._host}", request=request)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    def _point(self, request: httpx2.Request, address: str) -> httpx2.Request:
        """The same request to an address; its headers, with `Host`, are kept as they are."""
        return httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._host},
        )
