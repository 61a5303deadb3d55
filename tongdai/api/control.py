"""Control of live talks: hold, recording, transfer, mute, keys, prompts."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import calls, responses
from tongdai.api.calls import OfCall
from tongdai.api.operations import Handler, Operation, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx.commands import (
    HoldCall,
    MuteParty,
    ParkCall,
    PlayPrompt,
    RecordCall,
    SendDigits,
    TransferCall,
    UnholdCall,
)

_FAILS = (
    errors.NotFound,
    errors.CallEnded,
    errors.CallNotTalking,
    errors.NothingToChange,
    errors.SteeringRefused,
    errors.SwitchDown,
)


class Steered(Struct, frozen=True):
    """The switch has done it."""

    id: UUID


class Recorded(Struct, frozen=True, forbid_unknown_fields=True):
    do: Annotated[
        Literal["start", "stop", "pause", "resume"],
        Meta(
            description="`pause` and `resume` are known in the call's record.",
            examples=["pause"],
        ),
    ]


class Transferred(Struct, frozen=True, forbid_unknown_fields=True):
    to: Annotated[
        str,
        Meta(
            min_length=1,
            description="Extension, ring group, queue, or number outside.",
            examples=["102"],
        ),
    ]
    by: Annotated[
        str,
        Meta(description='The extension that leaves, whose limits apply; "": the only one in it.'),
    ] = ""


class ParkedBy(Struct, frozen=True, forbid_unknown_fields=True):
    by: Annotated[
        str,
        Meta(
            description='The extension that parks; "": the only one in it.',
            examples=["101"],
        ),
    ] = ""


class Party(Struct, frozen=True, forbid_unknown_fields=True):
    party: Annotated[
        str,
        Meta(description='Number of the party; "": the one extension in the talk.'),
    ] = ""


class Played(Struct, frozen=True, forbid_unknown_fields=True):
    prompt: Annotated[
        str,
        Meta(
            min_length=1,
            description="The name of a prompt of the domain.",
            examples=["welcome"],
        ),
    ]


class Keys(Struct, frozen=True, forbid_unknown_fields=True):
    digits: Annotated[
        str, Meta(min_length=1, description="1 to 32 of 0-9, *, #, A-D.", examples=["1#"])
    ]
    party: Annotated[
        str,
        Meta(description='Number of the party that hears them; "": the one beside the extension.'),
    ] = ""


def _control(
    what: str, done: str, *fails: type[errors.TongdaiError]
) -> Callable[[Handler], Operation]:
    """The form of all: POST below the call, by supervisors."""
    return operation(
        "POST",
        f"/v1/calls/{{id:path}}/{what}",
        may="call:control",
        tag="Live calls",
        gives={200: (done, Steered)},
        fails=(*_FAILS, *fails),
    )


async def _steered(
    request: Request, principal: Principal, path: OfCall, kind: Callable[..., Any], **given: Any
) -> ASGIApp:
    asked = await calls.ask(
        request, principal, path.id, lambda call: kind(call_uuid=call, **given)
    )
    return responses.json(Steered(asked))


@_control("hold", "Both wait.")
async def hold_call(request: Request, principal: Principal, path: OfCall) -> ASGIApp:
    """Put a talk on hold.

    Both parties wait with music until `unhold`, for 15 minutes at most; then they talk again. If
    one hangs up meanwhile, the other one is released. The hold is not in the recording. Events:
    `hold`, and `unhold` at its end.
    """
    return await _steered(request, principal, path, HoldCall)


@_control("unhold", "Both talk again.")
async def unhold_call(request: Request, principal: Principal, path: OfCall) -> ASGIApp:
    """Take a talk back from hold.

    Only from a hold by `hold`: what a phone has put on hold its phone takes back.
    """
    return await _steered(request, principal, path, UnholdCall)


@_control("recording", "It is so from now on.", errors.Invalid)
async def record_call(
    request: Request, principal: Principal, path: OfCall, body: Recorded
) -> ASGIApp:
    """Start, stop, pause or resume the recording of a talk.

    `pause` and `stop` end what is being written at once: nothing of the talk that follows is kept.
    A call has one recording, of all that was recorded; its record lists the pauses
    (`recording_pauses`). With the talk the command ends too: after a transfer the settings of
    the extensions hold again.
    """
    return await _steered(request, principal, path, RecordCall, do=body.do)


@_control(
    "transfer",
    "The extension has left the talk.",
    errors.Invalid,
    errors.InvalidPhone,
    errors.CallRefused,
    errors.NoHotline,
    errors.DestinationBarred,
    errors.CallsSuspended,
    errors.CallLimit,
)
async def transfer_call(
    request: Request, principal: Principal, path: OfCall, body: Transferred
) -> ASGIApp:
    """Transfer a talk.

    The other party is connected with `to`, as if the extension's phone had transferred it: limits
    and barring are the extension's, and a transfer that nobody answers comes back to the
    extension. A number that is refused at once is an error, and the talk goes on. The call keeps
    its id and has one record; events come as for transfers by phones.
    """
    return await _steered(request, principal, path, TransferCall, to=body.to, by=body.by)


@_control("park", "The extension has left the talk.", errors.Invalid, errors.CallRefused)
async def park_call(
    request: Request, principal: Principal, path: OfCall, body: ParkedBy
) -> ASGIApp:
    """Park a talk.

    The other party waits with music at a slot (`park_slot` of the live call), until an extension
    dials the code for that with the slot (`*71` and `1`). After `park_timeout_s` of the domain it
    comes back to the extension that parked it. Events: `parked`, and `answered` of who takes it.
    """
    return await _steered(request, principal, path, ParkCall, by=body.by)


@_control("mute", "The other party does not hear it.", errors.Invalid)
async def mute_call(request: Request, principal: Principal, path: OfCall, body: Party) -> ASGIApp:
    """Mute a party of a talk.

    The other party does not hear it, and the recording does not have it, until `unmute`. It hears
    the other party.
    """
    return await _steered(request, principal, path, MuteParty, is_muted=True, party=body.party)


@_control("unmute", "The other party hears it again.", errors.Invalid)
async def unmute_call(
    request: Request, principal: Principal, path: OfCall, body: Party
) -> ASGIApp:
    """Undo `mute` of a party."""
    return await _steered(request, principal, path, MuteParty, is_muted=False, party=body.party)


@_control("dtmf", "They have been sent.", errors.Invalid)
async def send_digits(request: Request, principal: Principal, path: OfCall, body: Keys) -> ASGIApp:
    """Send keys into a talk.

    The party gets them as if the other one had pressed them (DTMF, RFC 4733), such as the menu of
    the bank that an extension has called. The audit log does not show them.
    """
    return await _steered(
        request, principal, path, SendDigits, digits=body.digits, party=body.party
    )


@_control("play", "It plays.", errors.Invalid)
async def play_prompt(
    request: Request, principal: Principal, path: OfCall, body: Played
) -> ASGIApp:
    """Play a prompt into a talk.

    Both parties hear the sound with each other's voices, and the recording has it: that the call
    is recorded, for example. The answer comes when it begins.
    """
    return await _steered(request, principal, path, PlayPrompt, prompt=body.prompt)


OPERATIONS = (
    hold_call,
    unhold_call,
    record_call,
    transfer_call,
    park_call,
    mute_call,
    unmute_call,
    send_digits,
    play_prompt,
)
