"""`Idempotency-Key`: a POST that is sent again, as no answer came, does its work once and answers
the same, for a day. Only what succeeded is kept: what was refused may be tried again.

Changes of one domain wait for each other (`changes`), so that of two requests at the same time
the later finds the earlier one's answer.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from tongdai import errors, messages
from tongdai.api import responses
from tongdai.api.principals import Caller
from tongdai.api.requests import Request
from tongdai.encryption import MasterKey
from tongdai.store import db, idempotency_keys
from tongdai.store.idempotency_keys import Answer

_INSTALLATION = UUID(int=0)
REPLAYED = "Idempotency-Replayed"
"""The header of an answer that was given before."""
KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read_key(text: str, name: str) -> str:
    """The key. Raises errors.Invalid."""
    if not KEY.fullmatch(text):
        raise errors.Invalid(messages.KEY_CHARACTERS, field=name)
    return text


class IdempotencyKey(Struct, frozen=True, rename={"key": "Idempotency-Key"}):
    key: Annotated[
        str | None,
        Meta(
            description="The same request with the same key again, within a day, does its work "
            "once and answers the same.",
            extra={"read": read_key},
            extra_json_schema={"pattern": rf"^{KEY.pattern}$"},
        ),
    ] = None


def asked(
    request: Request, principal: Caller, headers: IdempotencyKey, body: Any
) -> idempotency_keys.Request | None:
    """The request, by its path, query and body; None if it has no key. Raises errors.Invalid."""
    if headers.key is None:
        return None
    if headers.key == "":
        raise errors.Invalid(messages.KEY_CHARACTERS, field="Idempotency-Key")
    place = (request.scope["path"], request.scope.get("query_string", b"").decode("latin-1"))
    return idempotency_keys.Request(
        domain_uuid=principal.domain_uuid or _INSTALLATION,
        actor=principal.actor,
        key=headers.key,
        digest=request.context.master_key.digest(msgspec.json.encode((*place, body)).decode()),
    )


async def once(
    tx: db.Tx,
    master_key: MasterKey,
    known: idempotency_keys.Request | None,
    work: Callable[[], Awaitable[Response]],
) -> Response:
    """The response of the work, or of the same request before. Raises errors.Conflict if the key
    was given for another request.
    """
    if known is None:
        return await work()
    if earlier := await idempotency_keys.answer(tx, master_key, known):
        return _again(earlier)
    response = await work()
    given = Answer(response.status_code, bytes(response.body), response.headers.get("ETag", ""))
    await idempotency_keys.keep(tx, master_key, known, given)
    return response


def _again(earlier: Answer) -> Response:
    headers = {**responses.NO_STORE, REPLAYED: "true"}
    if earlier.etag:
        headers["ETag"] = earlier.etag
    return responses.encoded(earlier.body, status=earlier.status, headers=headers)
