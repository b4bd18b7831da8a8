"""Which addresses outgoing HTTP may connect to. The address that is checked is the one that is connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpcore2

RESOLVER_THREADS = 32
MOST_ADDRESSES = 4

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# IANA's registries of special-purpose addresses, version 4 and 6, and multicast.
_SPECIAL_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Not special to IANA; the platform's own service on every machine of Azure.
    )
)  # fmt: skip
# Ordinary addresses are all in here: not NAT64 (64:ff9b::), local ones (fc00::, fe80::), multicast (ff00::).
_ORDINARY_6: Final = IPv6Network("2000::/3")
# Teredo and other protocols, documentation, 6to4, which holds an IPv4 address.
_SPECIAL_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


class ForbiddenAddress(httpcore2.ConnectError):
    """The host has addresses, none of which may be connected to."""


class UnknownHost(httpcore2.ConnectError):
    """The host has no address that could be found."""


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _ORDINARY_6 and not any(address in network for network in _SPECIAL_6)


def parse_address(text: str) -> Address:
    """The address; one of IPv4 within IPv6 (::ffff:127.0.0.1) is what it stands for, since that is connected to."""
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


class Resolver:
    """Asks the system for the addresses of a name, in threads of its own: a slow name server holds up no other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Every address in the system's order. Raises OSError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedBackend(httpcore2.AnyIOBackend):
    """Connects to public addresses, and to others in the networks that are allowed."""

    def __init__(self, allowed: Iterable[Network], resolve: Resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first of the host's addresses that may and can be reached, the time-out shared among
        them. Raises ForbiddenAddress, UnknownHost, ConnectError or ConnectTimeout.
        """
        addresses = await self._addresses(host, port)
        connect = super().connect_tcp
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await connect(str(address), port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await connect(str(addresses[-1]), port, share, local_address, socket_options)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = [parse_address(host)]
        except ValueError:
            found = await self._look_up(host, port)
        permitted = [address for address in found if self._may_connect(address)]
        if not permitted:
            raise ForbiddenAddress(str(found[0]))
        return permitted[:MOST_ADDRESSES]

    async def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            found = [parse_address(text) for text in await self._resolve(host, port)]
        except OSError as error:
            raise UnknownHost(error.strerror or "no answer") from error
        if not found:
            raise UnknownHost("no address")
        return found

    def _may_connect(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self._allowed)
