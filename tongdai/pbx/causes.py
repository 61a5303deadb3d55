"""Release causes: Q.850 causes and SIP statuses in the reference's words."""

from typing import Literal

import msgspec

Status = Literal[
    "ANSWERED", "BUSY", "NO-ANSWERED", "CANCEL", "NOT-AVAILABLE", "INVALID", "CONGESTION"
]
STATUSES: tuple[Status, ...] = (
    "ANSWERED",
    "BUSY",
    "NO-ANSWERED",
    "CANCEL",
    "NOT-AVAILABLE",
    "INVALID",
    "CONGESTION",
)

# ITU-T Q.850 table 1, by the names in FreeSWITCH and CRMs
CAUSES: dict[int, tuple[str, Status]] = {
    1: ("UNALLOCATED_NUMBER", "INVALID"),
    2: ("NO_ROUTE_TRANSIT_NET", "INVALID"),
    3: ("NO_ROUTE_DESTINATION", "INVALID"),
    16: ("NORMAL_CLEARING", "NO-ANSWERED"),
    17: ("USER_BUSY", "BUSY"),
    18: ("NO_USER_RESPONSE", "NOT-AVAILABLE"),
    19: ("NO_ANSWER", "NO-ANSWERED"),
    20: ("SUBSCRIBER_ABSENT", "NOT-AVAILABLE"),
    21: ("CALL_REJECTED", "BUSY"),
    22: ("NUMBER_CHANGED", "INVALID"),
    26: ("LOSE_RACE", "NO-ANSWERED"),
    27: ("DESTINATION_OUT_OF_ORDER", "NOT-AVAILABLE"),
    28: ("INVALID_NUMBER_FORMAT", "INVALID"),
    29: ("FACILITY_REJECTED", "INVALID"),
    31: ("NORMAL_UNSPECIFIED", "NOT-AVAILABLE"),
    34: ("NORMAL_CIRCUIT_CONGESTION", "CONGESTION"),
    38: ("NETWORK_OUT_OF_ORDER", "CONGESTION"),
    41: ("NORMAL_TEMPORARY_FAILURE", "CONGESTION"),
    42: ("SWITCH_CONGESTION", "CONGESTION"),
    44: ("REQUESTED_CHAN_UNAVAIL", "CONGESTION"),
    47: ("RESOURCE_UNAVAILABLE", "CONGESTION"),
    50: ("FACILITY_NOT_SUBSCRIBED", "INVALID"),
    52: ("OUTGOING_CALL_BARRED", "INVALID"),
    57: ("BEARERCAPABILITY_NOTAUTH", "INVALID"),
    58: ("BEARERCAPABILITY_NOTAVAIL", "INVALID"),
    88: ("INCOMPATIBLE_DESTINATION", "INVALID"),
    102: ("RECOVERY_ON_TIMER_EXPIRE", "NOT-AVAILABLE"),
    111: ("PROTOCOL_ERROR", "CONGESTION"),
    127: ("INTERWORKING", "CONGESTION"),
}


class ReleaseCause(msgspec.Struct, frozen=True):
    """The end of a call, or of an attempt to reach one party. `q850` is sent to the caller.
    `sip_status` is the final SIP response of the party that was not reached, 0 if it gave none.
    """

    status: Status
    cause: str
    q850: int = 16
    sip_status: int = 0


ANSWERED = ReleaseCause("ANSWERED", "NORMAL_CLEARING")
# no audio came from one party for the time that the operator set; Q.850 has no cause for it
MEDIA_TIMEOUT = ReleaseCause("ANSWERED", "MEDIA_TIMEOUT", 44)
CANCELLED = ReleaseCause("CANCEL", "ORIGINATOR_CANCEL", 16)
NO_ANSWER = ReleaseCause("NO-ANSWERED", "NO_ANSWER", 19)
ABSENT = ReleaseCause("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 20)
BUSY = ReleaseCause("BUSY", "USER_BUSY", 17)
REJECTED = ReleaseCause("BUSY", "CALL_REJECTED", 21)
UNALLOCATED = ReleaseCause("INVALID", "UNALLOCATED_NUMBER", 1)
BARRED = ReleaseCause("INVALID", "OUTGOING_CALL_BARRED", 52)
CONGESTED = ReleaseCause("CONGESTION", "NORMAL_CIRCUIT_CONGESTION", 34)
OVERLOADED = ReleaseCause("CONGESTION", "SWITCH_CONGESTION", 42)
# Q.850: for phones that rang when another answered (RFC 3326 §2, "Call completed elsewhere")
ANSWERED_ELSEWHERE = 26
ANSWERED_BY_ANOTHER = ReleaseCause("NO-ANSWERED", "LOSE_RACE", ANSWERED_ELSEWHERE)
# the caller's CANCEL says that another phone of the carrier's answered: nobody missed the call
COMPLETED_ELSEWHERE = ReleaseCause("CANCEL", "LOSE_RACE", ANSWERED_ELSEWHERE)
# of a consultation before and after its answer, when it became part of another call
TRANSFERRED = ReleaseCause("NO-ANSWERED", "ATTENDED_TRANSFER", 16)
TRANSFERRED_TALK = ReleaseCause("ANSWERED", "ATTENDED_TRANSFER", 16)
# a party of another domain was connected (RFC 3891), which ended the call
SEVERED = ReleaseCause("ANSWERED", "CALL_REJECTED", 21)
FOREIGN = ReleaseCause("INVALID", "CALL_REJECTED", 21)
# the switch refused the call: no codec, or not the encryption, that both sides have
NO_COMMON_MEDIA = ReleaseCause("INVALID", "BEARERCAPABILITY_NOTAVAIL", 58)
DECLINED = (600, 603, 606, 607, 608)
"""SIP statuses that are meant for all phones of the called party (RFC 3261 §21.6)."""
REFUSALS = (480, 486, *DECLINED)
"""SIP statuses by which a person, or the phone for a person, refuses a call."""
# a user ended the call before an answer; the caller gets 480
ENDED = ReleaseCause("NO-ANSWERED", "NORMAL_CLEARING", 19)
FAILED = ReleaseCause("CONGESTION", "NORMAL_TEMPORARY_FAILURE", 41)
UNREACHABLE = ReleaseCause("CONGESTION", "NETWORK_OUT_OF_ORDER", 38)
"""A carrier that the switch could not even send the call to."""
REQUEST_TIMEOUT = 408
"""The SIP status that Asterisk gives a request without a response (RFC 3261 §8.1.3.1)."""
REQUEST_TERMINATED = 487
"""The SIP status of an INVITE after its CANCEL (RFC 3261 §21.4.25)."""

Rejection = Literal["unavailable", "busy", "rejected", "unallocated"]
"""The answers to a caller by which a domain may reject a call of its own will."""
REJECTIONS: dict[Rejection, ReleaseCause] = {
    "unavailable": ABSENT,
    "busy": BUSY,
    "rejected": REJECTED,
    "unallocated": UNALLOCATED,
}

HangupReason = Literal[
    "",
    "answered_elsewhere",
    "no_answer",
    "busy",
    "rejected",
    "caller_gave_up",
    "unreachable",
    "transferred",
]
"""The reason for which a phone stopped ringing, in events; "" after a talk."""
_REASONS: dict[str, HangupReason] = {
    "LOSE_RACE": "answered_elsewhere",
    "NO_ANSWER": "no_answer",
    "USER_BUSY": "busy",
    "CALL_REJECTED": "rejected",
    "ORIGINATOR_CANCEL": "caller_gave_up",
    "ATTENDED_TRANSFER": "transferred",
}
_REASONS_BY_STATUS: dict[Status, HangupReason] = {
    "ANSWERED": "",
    "BUSY": "busy",
    "NO-ANSWERED": "no_answer",
    "CANCEL": "caller_gave_up",
}

# The most significant first: the one that matters to a caller if several parties were not
# reached.
_BY_SIGNIFICANCE: tuple[Status, ...] = (
    "NO-ANSWERED",
    "BUSY",
    "NOT-AVAILABLE",
    "CONGESTION",
    "INVALID",
)


def failure(cause: int, sip_status: int, *, rang: bool, is_trunk: bool = False) -> ReleaseCause:
    """The release cause of a party that did not answer, from its Q.850 cause and final SIP
    response (RFC 3398 §8.2.6).

    480 from a phone that never rang is an absent subscriber: Asterisk calls both cases 19. A party
    that rang, and then gave 408 or 487 by itself, did not answer. What a carrier refuses or fails
    in is its trouble, not the customer's: congestion.
    """
    return msgspec.structs.replace(
        _failure(cause, sip_status, rang=rang, is_trunk=is_trunk), sip_status=sip_status
    )


def _failure(cause: int, sip_status: int, *, rang: bool, is_trunk: bool) -> ReleaseCause:
    if sip_status == 480 and not rang:
        return ABSENT
    if cause == 0 and sip_status == 0:  # our own time-out ended it
        return NO_ANSWER if rang else ABSENT
    # decline, unwanted (RFC 8197), rejected by a filter (RFC 8688)
    if sip_status in (603, 607, 608):
        return REJECTED
    if rang and sip_status in (408, REQUEST_TERMINATED):
        return NO_ANSWER
    name, status = CAUSES.get(cause, ("NORMAL_UNSPECIFIED", "NOT-AVAILABLE"))
    if is_trunk and (sip_status in _CARRIERS_TROUBLE or 500 <= sip_status < 600):
        status = "CONGESTION"
    return ReleaseCause(status, name, cause if cause in CAUSES else 31)


# Our credentials, our rights or credit at the carrier, no way, no answer before it rang.
_CARRIERS_TROUBLE = frozenset({401, 402, 403, 405, 407, 408, 421, 423, 483, 487, 494})

# RFC 3398 §7.2.4.1, where Asterisk 22 sends another status; 41 is ours alone here
_RESPONSES: dict[int, int] = {
    26: 404,
    38: 503,
    41: 500,
    44: 503,
    47: 503,
    50: 403,
    52: 403,
    57: 403,
    88: 503,
    102: 504,
    111: 503,
    127: 503,
}
_SENT_ON = frozenset(
    {403, 404, 408, 410, 480, 484, 485, 486, 488, 501, 502, 503, 504, 600, 603, 604}
)
"""Statuses that mean the same to the caller as they did to us."""
_SWITCHED: dict[int, int] = {
    **dict.fromkeys((1, 2, 3), 404),
    **dict.fromkeys((34, 42), 503),
    **dict.fromkeys((19, 20, 31), 480),
    17: 486,
    18: 408,
    21: 403,
    22: 410,
    27: 502,
    28: 484,
    29: 501,
    38: 500,
    58: 488,
    127: 500,
}
"""The SIP response that Asterisk 22 gives a caller for a cause; others become 603
(channels/chan_pjsip.c, hangup_cause2sip).
"""


def response(release: ReleaseCause) -> int:
    """The SIP response that a caller gets instead of the one that the switch would make of the
    cause; 0: the switch's own is right.

    It is the party's own response, or that of RFC 3398: 603 only where a person declined, 500 only
    for a fault of ours.
    """
    wanted = _response(release)
    return 0 if _SWITCHED.get(release.q850) == wanted else wanted


def sent(release: ReleaseCause) -> int:
    """The SIP response that a caller gets who has had no answer."""
    return response(release) or _SWITCHED.get(release.q850, 603)


def _response(release: ReleaseCause) -> int:
    if release.sip_status in (607, 608):
        return 603
    if release.sip_status in _SENT_ON:
        return release.sip_status
    if release.sip_status >= 500 or release.sip_status in (401, 407):
        return 503
    if release.cause == "CALL_REJECTED" and release.status == "BUSY":
        return 603
    return _RESPONSES.get(release.q850) or _SWITCHED.get(release.q850, 480)


def most_significant(releases: list[ReleaseCause]) -> ReleaseCause:
    """The failure, of several, that goes into the call's record; absent if there was no party to
    try.
    """
    known = [release for release in releases if release.status in _BY_SIGNIFICANCE]
    return min(known, key=lambda release: _BY_SIGNIFICANCE.index(release.status), default=ABSENT)


def hangup_reason(release: ReleaseCause) -> HangupReason:
    """The reason in events; what is neither busy nor unanswered is unreachable."""
    if release == SEVERED:
        return ""
    if release.status == "CONGESTION":
        return "unreachable"
    by_status = _REASONS_BY_STATUS.get(release.status, "unreachable")
    return _REASONS.get(release.cause, by_status)


def abandoned(own: ReleaseCause | None) -> ReleaseCause:
    """The release cause of a call whose caller left before an answer; `own` is the caller's."""
    is_elsewhere = own is not None and own.q850 == ANSWERED_ELSEWHERE
    return COMPLETED_ELSEWHERE if is_elsewhere else CANCELLED
