"""Click-to-call: the extension's phone rings, then the customer's."""

import re
import unicodedata
from typing import Annotated, Any
from uuid import UUID

from litestar import route
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.api import answers, context, inputs, operations, problems
from tongdai.api.inputs import Fields
from tongdai.pbx import commands as words
from tongdai.pbx import numbers
from tongdai.store import commands

_PICK_UP_S = 330.0  # the longest an extension may ring is 300
_TAKEN_S = 20.0  # for a command that the engine has taken, so that we may not call it off
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_NOT_IN_NAMES = set('<>"\\;')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Message(Struct, frozen=True):
    message: str
    call_id: UUID


class Called(Struct, frozen=True):
    """The extension is ringing; `call_id` is that of the events to come."""

    status: str
    call_id: UUID
    data: Message


_P = operations.Parameter
_says: dict[str, Any] = operations.says(
    tag="Click-to-call",
    gives={200: ("The extension's phone has been asked to ring.", Called)},
    parameters=(
        _P("ext", "The extension that calls.", "101", is_needed=True),
        _P("phone", "The number to be called.", "0899098899", is_needed=True),
        _P(
            "src_cid_name",
            "The name that the extension's phone shows. Default: Click2Call.",
            "Nguyen Van A",
        ),
        _P(
            "src_cid_number",
            "The number that the extension's phone shows. Default: the extension's.",
        ),
        _P("dest_cid_name", "The name that goes to the customer."),
        _P(
            "dest_cid_number",
            "The number that goes to the customer: a hotline of the domain. Any other never leaves.",
        ),
        _P("auto_answer", "The extension's phone answers by itself: 1, true or yes.", "false"),
        _P(
            "hotline",
            "By which hotline to call. Default: dest_cid_number, else the extension's, else the domain's.",
        ),
        _P("customer_id", "Comes back in events and in the CDR."),
        _P(
            "wait",
            "answer: wait until the extension has answered, or has not.",
            choices=("answer",),
        ),
        _P(
            "Idempotency-Key",
            "The same key again calls only once, and answers the same.",
            place="header",
            kind=Annotated[str, Meta(pattern=rf"^{_KEY.pattern}$")],
        ),
    ),
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
        errors.DestinationClosed,
        errors.CallsFrozen,
        errors.CallLimit,
        errors.Conflict,
        errors.SwitchDown,
    ),
    is_hot=True,
)


@route(
    ["/v1/click2call", "/v1/click2call/async"],
    http_method=["GET", "POST"],
    status_code=200,
    opt=_says,
)
async def click2call(request: context.Ask) -> ASGIApp:
    """Call a number from an extension.

    The extension's phone rings; when it answers, the number is called. The answer comes as soon as
    the phone has been asked to ring, and says success of no call that was not placed. The same
    request again within three seconds, while its call lives, is the same call. By POST the same
    parameters may come as JSON or as a form.
    """
    principal, fields = await context.principal(request), await inputs.fields(request)
    command, key = command_of(fields), _idempotency_key(request)
    outcome = await _asked(context.of(request), principal.domain_uuid, command, key)
    if outcome.error or outcome.call_id is None:
        return _refusal(request, outcome)
    called = Called("success", outcome.call_id, Message("success", outcome.call_id))
    return answers.json(called, headers=answers.NO_STORE)


def command_of(fields: Fields) -> words.ClickToCall:
    """What the parameters ask for, safe to be put into SIP. Raises errors.Invalid naming the one
    that is wrong.
    """
    return words.ClickToCall(
        ext=numbers.extension(fields.needed("ext")),
        phone=numbers.phone(fields.needed("phone")),
        src_cid_name=_name(fields, "src_cid_name") or "Click2Call",
        src_cid_number=_phone(fields, "src_cid_number"),
        dest_cid_name=_name(fields, "dest_cid_name"),
        dest_cid_number=_phone(fields, "dest_cid_number"),
        auto_answer=_boolean(fields, "auto_answer"),
        hotline=_phone(fields, "hotline"),
        customer_id=_plain(fields, "customer_id", 128),
        wait_answer=_wait(fields),
    )


async def _asked(
    here: context.Context, domain_uuid: UUID, command: words.ClickToCall, key: str | None
) -> words.Outcome:
    """The engine's outcome. Raises errors.SwitchDown when no engine took the command, and then
    none will.
    """
    runner = here.deps.commands
    # without a key nothing has to be remembered: half the time without the database
    if runner and key is None and await runner.serves(domain_uuid):
        return await runner.outcome(domain_uuid, command)
    async with here.tenants.connection(domain_uuid) as tx:
        asked = await commands.ask(tx, domain_uuid, command, key)
    if outcome := await here.outcomes.wait(domain_uuid, asked, here.deps.patience_s):
        return outcome
    async with here.tenants.transaction(domain_uuid) as tx:
        is_withdrawn = await commands.withdraw(tx, domain_uuid, asked)
    if is_withdrawn:
        raise errors.SwitchDown
    outcome = await here.outcomes.wait(
        domain_uuid, asked, _PICK_UP_S if command.wait_answer else _TAKEN_S
    )
    if outcome is None:
        raise errors.SwitchDown
    return outcome


def _refusal(request: context.Ask, outcome: words.Outcome) -> ASGIApp:
    """The engine's no, and the call's id where one was placed first."""
    error = problems.by_code(outcome.error)(outcome.why, field=outcome.field)
    placed = {"call_id": outcome.call_id} if outcome.call_id else {}
    return problems.refuse(request, error, **placed)


def _idempotency_key(request: context.Ask) -> str | None:
    key = inputs.header(request.scope, b"idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise errors.Invalid(
            "1 to 255 visible ASCII characters are needed", field="Idempotency-Key"
        )
    return key


def _name(fields: Fields, name: str) -> str:
    """A caller's name, at most 64 characters. Raises errors.Invalid."""
    text = _plain(fields, name, 64)
    if not _NOT_IN_NAMES.isdisjoint(text):
        raise errors.Invalid('none of < > " \\ ; may be in it', field=name)
    return text


def _plain(fields: Fields, name: str, longest: int) -> str:
    text = fields.one(name)
    if len(text) > longest:
        raise errors.Invalid(f"at most {longest} characters", field=name)
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise errors.Invalid("no control characters", field=name)
    return text


def _phone(fields: Fields, name: str) -> str:
    text = fields.one(name)
    return numbers.phone(text, field=name) if text else ""


def _boolean(fields: Fields, name: str) -> bool:
    text = fields.one(name).lower()
    if text and text not in _TRUE + _FALSE:
        raise errors.Invalid("true or false is needed", field=name)
    return text in _TRUE


def _wait(fields: Fields) -> bool:
    text = fields.one("wait").lower()
    if text and text != "answer" and text not in _FALSE:
        raise errors.Invalid("only answer is known", field="wait")
    return text == "answer"


HANDLERS = [click2call]
