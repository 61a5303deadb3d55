"""A request to ARI, as translate and talks make them."""

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True):
    method: str
    uri: str
    query: dict[str, str] = {}
    body: Any = None
