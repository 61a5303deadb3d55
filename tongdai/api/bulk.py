"""Extensions many at a time: JSON in, CSV in and out. One transaction makes all of them or none;
with `partial` those that are right. Every wrong line is named.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.admin import bulk
from tongdai.admin.bulk import Line, Made, Refused
from tongdai.admin.nouns import NOUNS
from tongdai.api import (
    changes,
    csv_files,
    idempotency,
    inputs,
    parameters,
    problems,
    resources,
    responses,
)
from tongdai.api.admin import NewExtension
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.problems import WrongLine, WrongLines
from tongdai.api.requests import Request
from tongdai.store import extensions, idempotency_keys

MOST = 1000  # lines of one request
MOST_BYTES = 1 << 20
_EXTENSIONS = NOUNS["extensions"]
COLUMNS = NewExtension.__struct_fields__
WRITTEN = tuple(one for one in COLUMNS if one not in _EXTENSIONS.inputs)
_TRUTHS = ("enabled", "recording", "webrtc")


class BulkExtensions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New extensions."""

    extensions: Annotated[
        list[dict[str, Any]],
        Meta(
            max_length=MOST,
            extra_json_schema={"items": {"$ref": "#/components/schemas/NewExtension"}},
            examples=[[{"extension": "101", "name": "Nguyễn Thị Ánh"}]],
        ),
    ]
    partial: Annotated[
        bool, Meta(description="Make those that are right, even if others are wrong.")
    ] = False


class CsvQuery(Struct, frozen=True):
    partial: Annotated[
        bool, Meta(description="Make those that are right, even if others are wrong.")
    ] = False


class MadeExtension(Struct, frozen=True):
    """A new extension; its password is shown this once."""

    line: int
    extension: str
    password: str


class BulkResult(Struct, frozen=True):
    """What was made, and with `partial` the lines that were wrong. The first line is 1; of a CSV
    file that is the header.
    """

    created: int
    data: list[MadeExtension]
    errors: list[WrongLine]


@operation(
    "POST",
    "/v1/admin/extensions/bulk",
    may="extension:write",
    tag=resources.TAG,
    gives={201: ("They are made.", BulkResult)},
    fails=(errors.Invalid, errors.Conflict, WrongLines),
    most_bytes=MOST_BYTES,
)
async def bulk_create_extensions(
    request: Request, principal: Principal, headers: IdempotencyKey, body: BulkExtensions
) -> ASGIApp:
    """Create many extensions at once.

    All of them or none: a wrong one is answered with 422 and `errors`, which names each wrong line
    (the first extension is line 1). With `partial` the others are made.
    """
    lines = [Line(place, _read(one)) for place, one in enumerate(body.extensions, 1)]
    asked = idempotency.asked(request, principal, headers, body)
    return await _made(request, principal, asked, lines, is_partial=body.partial)


@operation(
    "GET",
    "/v1/admin/extensions/csv",
    may="extension:read",
    tag=resources.TAG,
    gives={200: ("All of them; UTF-8.", csv_files.MEDIA_TYPE)},
)
async def export_extensions(request: Request, principal: Principal) -> ASGIApp:
    """Get all extensions as a CSV file, without passwords, which no one has.

    A domain can be filled by POST of the file.
    """
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        found = await extensions.list(tx, principal.domain_uuid)
    content = csv_files.write(WRITTEN, (msgspec.structs.asdict(one) for one in found))
    name = f'attachment; filename="extensions-{principal.user.domain_name}.csv"'
    headers = {"Content-Disposition": name, **responses.NO_STORE}
    return Response(content, media_type=csv_files.MEDIA_TYPE, headers=headers)


@operation(
    "POST",
    "/v1/admin/extensions/csv",
    may="extension:write",
    tag=resources.TAG,
    gives={201: ("They are made.", BulkResult)},
    fails=(errors.Invalid, errors.Conflict, WrongLines),
    reads=csv_files.MEDIA_TYPE,
)
async def import_extensions(
    request: Request, principal: Principal, query: CsvQuery, headers: IdempotencyKey
) -> ASGIApp:
    """Create the extensions of a CSV file.

    Its first line names fields of an extension, `extension` among them; an empty cell is a field
    that is not given. UTF-8, with commas, semicolons or tabs. All of them or none: a wrong one is
    answered with 422 and `errors`, which names each wrong line of the file. With `partial` the
    others are made.
    """
    body = await request.body(MOST_BYTES)
    lines = [
        one if isinstance(one.fields, errors.Invalid) else Line(one.line, _read_texts(one.fields))
        for one in csv_files.lines(body, COLUMNS, MOST)
    ]
    asked = idempotency.asked(request, principal, headers, body.decode())
    return await _made(request, principal, asked, lines, is_partial=query.partial)


async def _made(
    request: Request,
    principal: Principal,
    asked: idempotency_keys.Request | None,
    lines: Iterable[Line],
    *,
    is_partial: bool,
) -> ASGIApp:
    key = request.context.master_key
    async with changes.transaction(request, principal) as tx:

        async def work() -> Response:
            made, refused = await bulk.create(tx, principal.domain_uuid, key, _EXTENSIONS, lines)
            wrong = [_wrong(one, request.language) for one in refused]
            if wrong and not is_partial:
                raise WrongLines(lines=wrong)
            return _answer(made, wrong)

        return await idempotency.once(tx, key, asked, work)


def _answer(made: Sequence[Made], wrong: list[WrongLine]) -> Response:
    shown = [MadeExtension(one.line, one.name, str(one.once["password"])) for one in made]
    result = BulkResult(len(shown), shown, wrong)
    return responses.json(result, status=201, headers=responses.NO_STORE)


def _wrong(refused: Refused, language: str) -> WrongLine:
    reason = refused.reason
    return WrongLine(refused.line, reason.code, reason.field, reason.text(language))


def _read(given: Mapping[str, Any], *, strict: bool = True) -> Mapping[str, Any] | errors.Invalid:
    """The fields of a new extension, or what is wrong with them."""
    try:
        made = msgspec.convert(given, NewExtension, strict=strict)
        fields = msgspec.structs.asdict(made)
        for name, value in fields.items():
            if isinstance(value, str):
                inputs.clean(name, value)
    except msgspec.ValidationError as reason:
        return problems.invalid(reason, NewExtension)
    except errors.Invalid as reason:
        return reason
    return fields


def _read_texts(given: Mapping[str, str]) -> Mapping[str, Any] | errors.Invalid:
    try:
        truths = {name: parameters.boolean(given[name], name) for name in _TRUTHS if name in given}
    except errors.Invalid as reason:
        return reason
    return _read({**given, **truths}, strict=False)


OPERATIONS = (bulk_create_extensions, export_extensions, import_extensions)
