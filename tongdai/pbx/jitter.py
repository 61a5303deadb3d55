"""Which parties get a jitter buffer.

Asterisk's MixMonitor fills with silence what comes later than its tolerance, which stretches a
recording. A jitter buffer on the party's channel prevents that, and costs CPU time; so only
parties of recorded talks whose packets come unevenly get one.
"""

import msgspec

from tongdai.pbx.call import Call, Talking

UNEVEN_S = 0.010
"""A mean jitter from which a party gets a buffer: on wires it is below 2 ms; where five packets
come at once it is 33 ms, half of which shows within half a second.
"""
LEAST = 15  # packets, before which the mean says little


class Reception(msgspec.Struct, frozen=True):
    """What has come from a party since it was connected: the number of RTP packets, and the mean
    of their jitter (RFC 3550 §6.4.1) in seconds.
    """

    packets: int
    jitter_s: float


def recorded_parties(call: Call) -> frozenset[str]:
    """The channels of the parties that talk now, if the call is recorded."""
    if not call.record or not isinstance(call.course, Talking):
        return frozenset()
    return frozenset(leg.channel for leg in call.live_legs if leg.connected_at)


def since(before: Reception, now: Reception) -> Reception:
    """What has come between two looks at a party. Its counts begin anew where its media are
    negotiated anew.
    """
    packets = now.packets - before.packets
    if packets <= 0:
        return now
    total = now.packets * now.jitter_s - before.packets * before.jitter_s
    return Reception(packets, max(0.0, total / packets))


def is_uneven(lately: Reception) -> bool:
    """Whether the packets come so unevenly that a recording would be stretched."""
    return lately.packets >= LEAST and lately.jitter_s >= UNEVEN_S
