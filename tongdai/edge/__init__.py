"""The edge proxy of browser phones: SIP over WebSocket (RFC 7118), between browsers and the
switch.

It is a process of its own, so that registrations and calls of browsers outlive restarts of the
engine and the API (tongdai/edge_process.py). It needs no database.
"""

from tongdai.edge.config import EdgeConfig
from tongdai.edge.server import serve

__all__ = ["EdgeConfig", "serve"]
