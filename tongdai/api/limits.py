"""Rate limits: requests per second of a domain and of a client's address, counted in this
process (`counts`: in all workers).
"""

import math
import time
from collections.abc import Hashable
from ipaddress import ip_address, ip_network

from tongdai import errors
from tongdai.windows import Clock

BURST_S = 5.0
_MANY = 10_000  # keys; beyond it, keys with their whole burst available are dropped


class Limit:
    """Each key may send `rate` requests per second, and BURST_S seconds' worth of them at once; a
    rate of 0 means no limit.

    A token bucket, kept as one number per key: the time when it will be full again (GCRA, ITU-T
    I.371).
    """

    def __init__(self, rate: float, clock: Clock = time.monotonic) -> None:
        self._interval_s, self._clock = 1 / rate if rate else 0.0, clock
        self._full_at: dict[Hashable, float] = {}
        self._sweep_at = _MANY

    def take(self, key: Hashable) -> None:
        """Counts one more request of the key. Raises errors.TooManyRequests; then it does not
        count.
        """
        if not self._interval_s:
            return
        now = self._clock()
        self._full_at[key] = filled(self._full_at.get(key, now), now, self._interval_s)
        if len(self._full_at) > self._sweep_at:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now}
            self._sweep_at = max(_MANY, 2 * len(self._full_at))


def filled(full_at: float, now: float, interval_s: float) -> float:
    """When the bucket is full again after one more request. Raises errors.TooManyRequests when
    there is none left.
    """
    full_at = max(full_at, now) + interval_s
    if (excess_s := full_at - now - BURST_S) > 0:
        raise errors.TooManyRequests(retry_after_s=math.ceil(excess_s))
    return full_at


def client_key(address: str) -> str:
    """The address by which requests are counted: itself, or the /64 of IPv6, which belongs to one
    client.
    """
    if ":" not in address:
        return address
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(known, "ipv4_mapped", None)
    return str(mapped or ip_network((known, 64), strict=False).network_address)
