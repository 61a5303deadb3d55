"""Slots that domains share."""

import asyncio
from uuid import UUID

from tongdai.webhooks.slots import FairSlots

A, B, C = (UUID(int=n) for n in (1, 2, 3))


async def take(slots: FairSlots, came: list[UUID], domain: UUID) -> None:
    await slots.acquire(domain)
    came.append(domain)


async def test_a_domain_holds_its_share_at_most() -> None:
    slots = FairSlots(4, 2)
    came: list[UUID] = []
    tasks = [asyncio.create_task(take(slots, came, domain)) for domain in (A, A, A, B)]
    await asyncio.sleep(0)

    assert came == [A, A, B]
    assert [slots.left(domain) for domain in (A, B, C)] == [0, 1, 2]

    slots.release(A)
    await asyncio.gather(*tasks)
    assert came == [A, A, B, A]


async def test_those_that_wait_get_slots_in_turn() -> None:
    slots = FairSlots(1, 1)
    came: list[UUID] = []
    tasks = [asyncio.create_task(take(slots, came, domain)) for domain in (C, A, A, A, B, B)]
    await asyncio.sleep(0)
    for _ in range(5):
        slots.release(came[-1])
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert came == [C, A, B, A, B, A]


async def test_one_that_gives_up_takes_no_slot() -> None:
    slots = FairSlots(1, 1)
    came: list[UUID] = []
    await slots.acquire(A)
    waiting = [asyncio.create_task(take(slots, came, domain)) for domain in (B, C)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    slots.release(A)
    await waiting[1]
    slots.release(C)

    await asyncio.wait_for(slots.acquire(B), 1)
    assert came == [C]


async def test_a_slot_given_to_one_that_is_cancelled_then_is_free_again() -> None:
    slots = FairSlots(1, 1)
    await slots.acquire(A)
    waiting = asyncio.create_task(slots.acquire(B))
    await asyncio.sleep(0)
    slots.release(A)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await asyncio.wait_for(slots.acquire(C), 1)
