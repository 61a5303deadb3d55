"""Everything that the edge proxy is told at its start."""

from typing import Literal

import msgspec


class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses are host:port; "" listens nowhere. All values are settings of the same names,
    except those explained here.
    """

    version: str
    """Of tongdai: another version replaces a running edge proxy."""
    folder: str
    """For its files: the addresses of its clients, its metrics."""
    switch: str
    """The URL of SIP over WebSocket at the switch: ws://127.0.0.1:8088/ws."""
    source_key: bytes
    """The key from which the source addresses of clients are computed."""
    ws: str
    wss: str = ""
    certificate: str = ""
    private_key: str = ""
    proxies: tuple[str, ...] = ()
    connections: int = 1000
    connections_address: int = 100
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
