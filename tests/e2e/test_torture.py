"""Messages that are hard to parse, or malformed, do the switch no harm: it goes on, with the live
call and new ones.
"""

from testbed import wire
from testbed.company import HOTLINE, Company, Office
from testbed.phones import talk
from tests.e2e import torture

SEED, MUTATIONS, PACE = 4475, 150, 20


def asterisks(office: Office) -> set[int]:
    return {
        pid for pid, command in office.instance.processes().items() if "/asterisk/etc/" in command
    }


async def pours(office: Office, address: str, seed: int) -> None:
    """From that address by UDP, slowly enough that all is read; the RFC's messages, and many that
    are worse.
    """
    switch = office.instance.sip
    async with wire.udp(switch, address) as line, wire.udp(switch, "127.6.6.6") as asks:
        corpus = torture.messages(line.address, switch, f"t{seed}-")
        for number, message in enumerate([*corpus, *torture.mutations(corpus, MUTATIONS, seed)]):
            await line.send(message)
            if number % PACE == 0:
                options = wire.request(asks, "OPTIONS", "x", "y", call=f"pace{seed}-{number}")
                assert wire.status(await wire.ask(asks, options)) == 401


async def pours_by_tcp(office: Office, address: str, seed: int) -> None:
    """Each on a connection of its own, since nobody knows where it ends."""
    switch = office.instance.sip
    async with wire.udp(switch, address) as somewhere:
        corpus = torture.messages(somewhere.address, switch, f"t{seed}-")
    for message in [*corpus, *torture.mutations(corpus, MUTATIONS // 3, seed)]:
        async with wire.tcp(switch, address) as line:
            await line.send(message)


def test_the_corpus_is_whole() -> None:
    """RFC 4475 has 49 messages, and tells the same ones each time."""
    assert len(torture.CORPUS) == 49
    corpus = torture.messages("192.0.2.1:5060", "192.0.2.2:5060", "c")
    assert len(set(corpus)) == len(corpus)
    assert [*torture.mutations(corpus, 20, SEED)] == [*torture.mutations(corpus, 20, SEED)]


async def test_torture_hurts_neither_the_switch_nor_its_calls(
    company: Company, office: Office
) -> None:
    before = asterisks(office)
    assert before
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()

        await pours(office, "127.6.6.1", SEED)  # a stranger's
        await pours(office, company.address, SEED + 1)  # as if the carrier sent it
        await pours_by_tcp(office, "127.6.6.2", SEED + 2)

        assert asterisks(office) == before
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        assert await alice.register()
        another = await carrier.calls(HOTLINE, "0909000333")
        ring = await alice.rings()
        await another.cancel()
        await ring.cancelled()
