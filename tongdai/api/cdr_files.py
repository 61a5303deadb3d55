"""Lists of call detail records as a file of any length: NDJSON (newline-delimited JSON) and CSV
(RFC 4180).
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from uuid import UUID

import msgspec
from msgspec.structs import astuple
from starlette.types import Receive, Scope, Send

from tongdai.api import csv_files
from tongdai.api.operations import permitted, principal_of
from tongdai.api.pieces import Pieces
from tongdai.api.requests import Request
from tongdai.dialects import View, v1
from tongdai.pbx import cdr

NDJSON, CSV = "application/x-ndjson", csv_files.MEDIA_TYPE
TOTAL = "X-Total-Count"
_COLUMNS = v1.CallRecord.__struct_fields__
_PARTICIPANTS = _COLUMNS.index("participants")
_encoder = msgspec.json.Encoder()


def asked_for(accept: str) -> str | None:
    """The media type of the file that a header `Accept` asks for; None for an answer in JSON."""
    return next((kind for kind in _LINES if kind in accept.lower()), None)


class CdrFile:
    """An ASGI response: the records, `total` when it began, as a file."""

    def __init__(
        self,
        request: Request,
        domain_uuid: UUID,
        pieces: AsyncGenerator[bytes],
        kind: str,
        total: int,
    ) -> None:
        self._exports, self._domain_uuid = request.context.exports, domain_uuid
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Cache-Control": "no-store",
            TOTAL: str(total),
        }
        self._pieces = Pieces(request, pieces, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises errors.TooManyRequests before anything is sent."""
        with self._exports.one(self._domain_uuid):
            await self._pieces(scope, receive, send)


async def pieces(
    request: Request, parts: AsyncGenerator[list[cdr.Cdr]], view: View, kind: str
) -> AsyncGenerator[bytes]:
    """The file, a piece for each part. Raises errors.NotAuthenticated, errors.Forbidden when the
    client may not read the rest.
    """
    if kind == CSV:
        yield csv_files.header(_COLUMNS)
    async with aclosing(parts):
        async for records in parts:
            permitted(await principal_of(request), "cdr:read")
            yield _LINES[kind]([v1.record(record, view) for record in records])


def _csv_lines(records: Sequence[v1.CallRecord]) -> bytes:
    return csv_files.written(map(_cells, records))


def _cells(record: v1.CallRecord) -> Sequence[object]:
    """The values; the participants as JSON, where there are any."""
    cells = [*astuple(record)]
    some = record.participants
    cells[_PARTICIPANTS] = _encoder.encode(some).decode() if some else ""
    return cells


_LINES: Mapping[str, Callable[[Sequence[v1.CallRecord]], bytes]] = MappingProxyType(
    {NDJSON: _encoder.encode_lines, CSV: _csv_lines}
)
"""The lines of records, by media type."""
