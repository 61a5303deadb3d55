"""Talks that are steered by the API, as a supervisor's program does."""

from typing import Any

from testbed.company import Company
from testbed.phones import Talk, talk
from testbed.until import until

CUSTOMER = "0909000111"
QUIET = 300  # a tone weaker than this is not heard


async def control(company: Company, name: str, what: str, **body: Any) -> tuple[int, str]:
    """The status of the answer, and its error."""
    answer = await company.api.post(f"/v1/calls/{name}/{what}", **body)
    return answer.status, answer.json.get("error", "")


async def live(company: Company) -> Any:
    """The company's one call."""
    (call,) = (await company.api.get("/v1/calls")).json["data"]
    return call


async def talking(company: Company, ring: Talk, customer: Talk) -> str:
    """The id of the call, once both talk and the API shows it. `ring` has not been answered."""
    await ring.answer()
    await customer.answered()
    await talk(ring, customer)
    return await shown_talking(company)


async def shown_talking(company: Company) -> str:
    """The id of the company's one call, once the API shows a talk of two."""

    async def shown() -> Any:
        call = await live(company)
        connected = [leg for leg in call["legs"] if leg["state"] == "connected"]
        return call["state"] == "talking" and len(connected) == 2 and call["id"]

    found: str = await until(shown)
    return found


async def hears_nothing(one: Talk, other: Talk) -> None:
    """The other's voice does not come in any more, while half a second of this one's goes out."""

    async def heard_nothing() -> bool:
        one.voice.forget()
        end = other.voice.packets + 25
        await until(lambda: other.voice.packets >= end)
        return one.voice.strength(other.voice.hertz) < QUIET

    await until(heard_nothing)
