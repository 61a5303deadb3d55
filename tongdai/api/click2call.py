"""Click-to-call: the extension's phone rings, then the customer's."""

import unicodedata
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import idempotency, phone_encoding, problems, responses
from tongdai.api.asking import TAKEN_S, outcome_of
from tongdai.api.context import Context
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import route
from tongdai.pbx import commands as words
from tongdai.pbx import numbers, rehearsal
from tongdai.pbx.call import FORGOTTEN_S
from tongdai.store import domains

PICK_UP_S = FORGOTTEN_S + 20.0  # the engine ends a call that is forgotten before
DRY_RUN, NIL = "dry_run", UUID(int=0)
_NO_WAIT = ("0", "false", "no", "off")
_NOT_IN_NAMES = set('<>"\\;')


class Message(Struct, frozen=True):
    message: str
    call_id: UUID


class Called(Struct, frozen=True):
    """The extension is ringing; its events will have this `call_id`. With `dry_run` nothing rings:
    `status` is `dry_run`, `call_id` the nil UUID, and `rehearsal` what would happen.
    """

    status: str
    call_id: UUID
    data: Message
    rehearsal: route.Rehearsal | UnsetType = UNSET


def _name(text: str, name: str) -> str:
    """A caller's name, at most 64 characters. Raises errors.Invalid."""
    plain = _plain(text, name, 64)
    if not _NOT_IN_NAMES.isdisjoint(plain):
        raise errors.Invalid(messages.NOT_IN_NAMES, field=name)
    return plain


def _customer_id(text: str, name: str) -> str:
    return _plain(text, name, 128)


def _plain(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=longest), field=name)
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise errors.Invalid(messages.NO_CONTROL, field=name)
    return text


def _wait(text: str, name: str) -> bool:
    if text.lower() != "answer" and text.lower() not in _NO_WAIT:
        raise errors.Invalid(messages.ONLY_ANSWER, field=name)
    return text.lower() == "answer"


class Click(Struct, frozen=True):
    """Parameters of a click-to-call, safe to put into SIP."""

    ext: Annotated[
        str,
        Meta(
            description="The extension that calls.",
            examples=["201"],
            extra={"read": numbers.extension},
        ),
    ]
    phone: Annotated[str, Meta(description="The number to be called.", examples=["0900000002"])]
    src_cid_name: Annotated[
        str,
        Meta(
            description="The name that the extension's phone shows. Default: Click2Call.",
            extra={"read": _name},
        ),
    ] = "Click2Call"
    src_cid_number: Annotated[
        str,
        Meta(
            description="The number that the extension's phone shows. Default: the extension's.",
            extra={"read": numbers.phone},
        ),
    ] = ""
    dest_cid_name: Annotated[
        str, Meta(description="The name that goes to the customer.", extra={"read": _name})
    ] = ""
    dest_cid_number: Annotated[
        str,
        Meta(
            description="The number that goes to the customer: a hotline of the domain. "
            "Any other never leaves.",
            extra={"read": numbers.phone},
        ),
    ] = ""
    auto_answer: Annotated[
        bool,
        Meta(
            description="The extension's phone answers by itself: 1, true or yes.",
        ),
    ] = False
    hotline: Annotated[
        str,
        Meta(
            description="The hotline that carries the call. Default: dest_cid_number, "
            "else the extension's, else the domain's.",
            extra={"read": numbers.phone},
        ),
    ] = ""
    customer_id: Annotated[
        str,
        Meta(description="Comes back in events and in the CDR.", extra={"read": _customer_id}),
    ] = ""
    is_encode: Annotated[
        bool,
        Meta(
            description="phone is encoded: 1, true or yes. It is Base64 of the number, unless "
            "encrypt_method is given.",
        ),
    ] = False
    encrypt_method: Annotated[
        str,
        Meta(
            description="With is_encode: aes. phone is the hex of the number in AES-256-ECB with "
            "PKCS#7 padding, under the 32 bytes of the domain's key, which the operator sets. "
            "Without is_encode it means nothing.",
        ),
    ] = ""
    wait: Annotated[
        bool | None,
        Meta(
            description="answer: wait until the extension has answered, or has not. Default: not, "
            "unless the domain's click2call_waits says so; async never does by default.",
            extra={"read": _wait},
            extra_json_schema={"type": "string", "enum": ["answer", *_NO_WAIT]},
        ),
    ] = None
    dry_run: Annotated[
        bool,
        Meta(
            description="Nothing rings: the answer tells what would happen, and why not. "
            "1, true or yes.",
        ),
    ] = False


class IdempotencyKey(Struct, frozen=True, rename={"key": "Idempotency-Key"}):
    key: Annotated[
        str | None,
        Meta(
            description="The same key again calls only once, and answers the same.",
            extra={"read": idempotency.read_key},
            extra_json_schema={"pattern": rf"^{idempotency.KEY.pattern}$"},
        ),
    ] = None


@operation(
    ("GET", "POST"),
    "/v1/click2call",
    "/v1/click2call/async",
    may="call:create",
    tag="Click-to-call",
    gives={
        200: (
            "The extension's phone has been asked to ring; or, with `dry_run`, what would happen.",
            Called,
        )
    },
    fails=(
        errors.Invalid,
        errors.InvalidPhone,
        errors.InvalidExtension,
        errors.UserNotRegistered,
        errors.UserBusy,
        errors.UserRejected,
        errors.UserNotAnswering,
        errors.NoHotline,
        errors.TooManyCalls,
        errors.DestinationBarred,
        errors.CallsSuspended,
        errors.CallLimit,
        errors.Conflict,
        errors.SwitchDown,
    ),
)
async def click2call(
    request: Request, principal: Principal, fields: Click, headers: IdempotencyKey
) -> ASGIApp:
    """Call a number from an extension.

    The extension's phone rings; when it answers, the number is called. The answer comes as soon as
    the phone has been asked to ring, or when it has answered (`wait`), and says success of no call
    that was not placed. The same request again within three seconds, while its call lives, is the
    same call. By POST the same parameters may come as JSON or as a form.
    With `dry_run=1` nothing rings: the answer says whether the extension's phones would, its
    registrations, limits, and the way to the number.
    """
    if headers.key == "":
        raise errors.Invalid(messages.KEY_CHARACTERS, field="Idempotency-Key")
    if fields.wait is None:
        is_async = request.scope["path_template"].endswith("/async")
        fields = replace(fields, wait=principal.user.click2call_waits and not is_async)
    command = command_of(fields, await _phone_key(request.context, principal, fields))
    if fields.dry_run:
        return await _rehearsed(request, principal, command)
    outcome = await _outcome(request.context, principal.domain_uuid, command, headers.key)
    if outcome.error or outcome.call_id is None:
        return _refusal(request, outcome)
    called = Called("success", outcome.call_id, Message("success", outcome.call_id))
    return responses.json(called, headers=responses.NO_STORE)


async def _phone_key(context: Context, principal: Principal, given: Click) -> bytes | None:
    """The key of the domain's encrypted numbers, if this request needs it and there is one."""
    if not (given.is_encode and given.encrypt_method):
        return None
    async with context.tenants.connection(principal.domain_uuid) as tx:
        return await domains.phone_key(tx, principal.domain_uuid, context.master_key)


def command_of(given: Click, phone_key: bytes | None = None) -> words.ClickToCall:
    """The command for these parameters. Raises errors.InvalidPhone."""
    return words.ClickToCall(
        ext=given.ext,
        phone=numbers.phone(_decoded(given, phone_key), "phone"),
        src_cid_name=given.src_cid_name,
        src_cid_number=given.src_cid_number,
        dest_cid_name=given.dest_cid_name,
        dest_cid_number=given.dest_cid_number,
        auto_answer=given.auto_answer,
        hotline=given.hotline,
        customer_id=given.customer_id,
        wait_answer=bool(given.wait),
    )


def _decoded(given: Click, key: bytes | None) -> str:
    """The number as it was before the client encoded it. Raises errors.InvalidPhone."""
    if not given.is_encode:
        return given.phone
    if not given.encrypt_method:
        return phone_encoding.from_base64(given.phone, "phone")
    if given.encrypt_method.lower() != phone_encoding.AES:
        raise errors.InvalidPhone(messages.ONLY_AES, field="phone")
    if key is None:
        raise errors.InvalidPhone(messages.NO_PHONE_KEY, field="phone")
    return phone_encoding.from_aes(given.phone, key, "phone")


async def _outcome(
    context: Context, domain_uuid: UUID, command: words.ClickToCall, key: str | None
) -> words.Outcome:
    """The engine's outcome. Raises errors.SwitchDown when no engine took the command; then none
    will take it later.
    """
    runner = context.deps.commands
    # without a key there is nothing to remember, which halves the time in the database
    if runner and key is None and await runner.serves(domain_uuid):
        return await runner.outcome(domain_uuid, command)
    longest_s = PICK_UP_S if command.wait_answer else TAKEN_S
    return await outcome_of(context, domain_uuid, command, key, longest_s=longest_s)


async def _rehearsed(
    request: Request, principal: Principal, command: words.ClickToCall
) -> ASGIApp:
    question = words.Rehearse(click=command)
    outcome = await outcome_of(request.context, principal.domain_uuid, question)
    if outcome.error:
        return _refusal(request, outcome)
    found = msgspec.json.decode(outcome.report, type=rehearsal.Rehearsal)
    message = _error(found.outcome).text(request.language) if found.outcome.error else ""
    told = route.rehearsed(found, message, request.language)
    nothing = Called(DRY_RUN, NIL, Message(message or DRY_RUN, NIL), told)
    return responses.json(nothing, headers=responses.NO_STORE)


def _refusal(request: Request, outcome: words.Outcome) -> ASGIApp:
    """The engine's refusal, with the call's id if the call was placed first."""
    error = _error(outcome)
    placed = {"call_id": outcome.call_id} if outcome.call_id else {}
    return problems.response(error, request.language, request.scope["path"], **placed)


def _error(outcome: words.Outcome) -> errors.TongdaiError:
    why = messages.by_key(outcome.why)
    return errors.by_code(outcome.error)(why, field=outcome.field)


OPERATIONS = (click2call,)
