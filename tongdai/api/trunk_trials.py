"""A test call of a trunk. The engine of the domain's node makes it."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import asking, resources, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx import commands, trunk_trials
from tongdai.store import audit
from tongdai.store import commands as store_commands

_MARGIN_S = 15.0  # of the engine, beyond the longest ringing and talk


class OfTrunk(Struct, frozen=True):
    name: Annotated[str, Meta(description="Its name, or its trunk_uuid.")]


class NewTrunkTrial(Struct, frozen=True, forbid_unknown_fields=True):
    """The number to call, and for how long."""

    number: Annotated[
        str,
        Meta(description="As a phone dials it; no emergency number.", examples=["0899888999"]),
    ]
    hotline: Annotated[
        str,
        Meta(description='The number to present; "": the first hotline on the trunk.'),
    ] = ""
    ring_s: Annotated[
        int,
        Meta(
            ge=commands.TRIAL_RING_S[0],
            le=commands.TRIAL_RING_S[1],
            description="Seconds that it may ring.",
        ),
    ] = commands.TRIAL_RINGS_S
    talk_s: Annotated[
        int,
        Meta(
            ge=0,
            le=commands.TRIAL_TALK_S,
            description="Seconds from the answer to the end; 0: it ends at once.",
        ),
    ] = 0


class TrunkTrial(Struct, frozen=True):
    """What the carrier answered. Times are milliseconds from the INVITE; null: it did not happen.
    An answered call costs what the carrier charges.
    """

    trunk: Annotated[str, Meta(description="Its name.", examples=["viettel"])]
    number: Annotated[str, Meta(description="As the carrier was given it.")]
    caller: Annotated[str, Meta(description='The number presented; "": none.')]
    result: Annotated[
        trunk_trials.Result,
        Meta(
            description="no_answer: it rang until the end of `ring_s`; no_response: nothing but "
            "100 came, or not even that."
        ),
    ]
    sip_status: Annotated[
        int, Meta(description="The final response; 0: none, or 200 of an answered call.")
    ]
    q850: Annotated[
        int,
        Meta(description="What the response stands for: Asterisk keeps no `Reason` of it."),
    ]
    cause: Annotated[str, Meta(description="In a word, as in CDRs.", examples=["CALL_REJECTED"])]
    rang_after_ms: Annotated[int | None, Meta(description="180 or 183.")]
    answered_after_ms: int | None
    ended_after_ms: int


@operation(
    "POST",
    "/v1/admin/trunks/{name}/test",
    may="trunk:write",
    tag=resources.TAG,
    gives={200: ("What came of it.", TrunkTrial)},
    fails=(errors.NotFound, errors.Invalid, errors.Conflict, errors.SwitchDown),
)
async def try_trunk(
    request: Request, principal: Principal, path: OfTrunk, body: NewTrunkTrial
) -> ASGIApp:
    """Call a number by one trunk, and tell what the carrier answered.

    The answer comes when the call is over. No phone rings, and there is no record or event of the
    call; the audit log has it. One at a time by each trunk.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    command = commands.TryTrunk(
        trunk=path.name,
        number=body.number,
        hotline=body.hotline,
        ring_s=body.ring_s,
        talk_s=body.talk_s,
    )
    async with context.tenants.transaction(domain_uuid) as tx:
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        asked = await store_commands.ask(tx, domain_uuid, command)
    longest_s = body.ring_s + body.talk_s + _MARGIN_S
    outcome = await asking.answered(context, domain_uuid, asked, longest_s=longest_s)
    if outcome.error:
        why = messages.by_key(outcome.why)
        raise errors.by_code(outcome.error)(why, field=outcome.field)
    trial = msgspec.json.decode(outcome.report, type=trunk_trials.Trial)
    return responses.json(TrunkTrial(**trunk_trials.flat(trial)))


OPERATIONS = (try_trunk,)
