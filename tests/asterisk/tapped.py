"""python -m tests.asterisk.tapped up: tongdai whose link to Asterisk is written down, for
`record`.

Each line of the file that the environment variable TAP names is a frame of a recording: an event,
or a request with its answer, where it was asked.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tongdai.asterisk import ari
from tongdai.asterisk.registrations import QUERY_CHANNEL
from tongdai.cli import app

_FILE = Path(os.environ.pop("TAP"))
_LEFT_OUT = ("RESTResponse", "ChannelUserevent", "ContactStatusChange")
_QUERIES = ("channels/create", f"channels/{QUERY_CHANNEL}/variable")  # how contacts are asked for
_lines: list[dict[str, Any] | None] = []  # None: a request that waits for its answer


class Tapped(ari.Link):
    """Writes down events, and what is asked of channels."""

    def _handle(self, data: bytes) -> None:
        frame = msgspec.json.decode(data)
        is_asker = frame.get("channel", {}).get("id") == QUERY_CHANNEL
        if frame["type"] not in _LEFT_OUT and not is_asker:
            _note(len(_lines), frame)
        super()._handle(data)

    async def request(
        self, method: str, uri: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> ari.Response:
        is_of_calls = uri.startswith("channels/") and uri not in _QUERIES
        if not is_of_calls:
            return await super().request(method, uri, query, body)
        place = len(_lines)
        _lines.append(None)
        response = await super().request(method, uri, query, body)
        asked = {"request": f"{method} {uri}", "query": query or {}}
        more = {"body": body} if body is not None else {}
        answer = {"answer": response.json()} if response.message_body else {}
        _note(place, {**asked, **more, "status": response.status_code, **answer})
        return response


def _note(place: int, frame: dict[str, Any]) -> None:
    _lines[place:place] = [] if place < len(_lines) else [None]
    _lines[place] = frame
    _FILE.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in _lines if line))


if __name__ == "__main__":
    ari.Link = Tapped  # type: ignore[misc]
    app(prog_name="tongdai")
