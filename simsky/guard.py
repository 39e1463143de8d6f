"""No test reaches beyond this machine."""

import ipaddress
import socket
from typing import Any

import pytest


def forbid_network(patch: pytest.MonkeyPatch) -> None:
    """Make a test fail that looks up or connects to anything but the loopback interface.

    Parameters
    ----------
    patch : pytest.MonkeyPatch
        Undoes it.
    """
    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_unless_local(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_unless_local(self.family, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if not is_local(host):
            pytest.fail(f"network: the test looks up {host!r}")
        return look_up(host, *rest, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)


def is_local(host: Any) -> bool:
    """Whether a host name or address means this machine."""
    if host in {None, "", b"", "localhost", b"localhost"}:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_unless_local(family: int, address: Any) -> None:
    if family in {socket.AF_INET, socket.AF_INET6} and not is_local(address[0]):
        pytest.fail(f"network: the test connects to {address[0]}:{address[1]}")
