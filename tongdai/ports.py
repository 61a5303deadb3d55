"""Addresses to listen on: free or not."""

import socket
from typing import Literal

from tongdai import errors

Protocol = Literal["tcp", "udp"]
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def free_port(protocol: Protocol, host: str) -> int:
    """A port that nothing listens on now."""
    with socket.socket(socket.AF_INET, _KINDS[protocol]) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_free(name: str, protocol: Protocol, address: str) -> None:
    """Nothing listens on `address` (host:port, [IPv6]:port).

    Raises errors.SetupError, which calls it the `name` address.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, _KINDS[protocol]) as probe:
        if protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as reason:
            raise errors.SetupError(
                f"the {name} address {address} ({protocol.upper()}) cannot be used:"
                f" {reason.strerror}"
            ) from reason
