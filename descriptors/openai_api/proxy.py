"""Say which proxy stands before a URL.

In:  a URL; the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in either case.
Out: a ``Proxy``, or None.

Not left to the HTTP client, which does not tell what it chose: a fault must name what stood
between.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies


@dataclass(frozen=True)
class Proxy:
    """``url`` may hold a password; ``where``, its host and port, and ``variable`` can be shown."""

    url: str = field(repr=False)
    where: str
    variable: str

    def around(self, url: str) -> str:
        """What helps against a proxy in the way of a URL."""
        return (
            f"a proxy stands between ({self.variable} names {self.where}): see whether it is well, "
            f"or add {urlsplit(url).hostname} to NO_PROXY to go around it"
        )


def proxy_for(url: str) -> Proxy | None:
    """The proxy that requests to a URL pass.

    A loopback address takes none whatever the variables say, as in Go: what the name means to a
    proxy elsewhere is another machine. To watch local requests, give the watcher's own address as
    the base URL.
    """
    parts = urlsplit(url)
    found = getproxies()
    for kind in (parts.scheme, "all"):
        if not (proxy := found.get(kind)):
            continue
        if _is_loopback(parts.hostname or "") or _is_excepted(url, found.get("no", "")):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        return Proxy(proxy, urlsplit(proxy).netloc.rpartition("@")[2], _variable(kind))
    return None


def _variable(kind: str) -> str:
    names = [name for name in os.environ if name.casefold() == f"{kind}_proxy" and os.environ[name]]
    return min(names, key=str.isupper, default="the system's settings")  # lower case wins


def _is_loopback(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def _is_excepted(url: str, exceptions: str) -> bool:
    """Whether NO_PROXY names the host: by itself, a domain above it, or a network that it is in.

    What is no such thing is passed over, as curl and Go do.
    """
    parts = urlsplit(url)
    host, address = parts.hostname or "", _address(parts.hostname or "")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    for exception in exceptions.replace(" ", ",").split(","):
        name = exception.partition("://")[2] or exception
        if name == "*":
            return True
        network = None
        with suppress(ValueError):
            network = ip_network(name.replace("[", "").replace("]", ""), strict=False)
        if network is not None:
            if address is not None and address in network:
                return True
            continue
        domain, _, only_port = name.casefold().partition(":")
        domain = domain.removeprefix("*").removeprefix(".")
        if only_port.isdecimal() and int(only_port) != port:
            continue
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host)
    return None
