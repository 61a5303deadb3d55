"""Companies upload sound. Whoever their phones hold, and who waits in their queues, hears it; and
nobody hears that of another company.
"""

from pathlib import Path

from testbed import tones
from testbed.company import HOTLINE, Company, Office
from testbed.phones import talk

MUSIC_HZ, OTHER_HZ, QUEUE_HZ = 700, 900, 1_200


async def test_a_party_on_hold_hears_its_own_companys_music(
    company: Company, office: Office
) -> None:
    other = await office.company()
    await plays(company, MUSIC_HZ)
    await plays(other, OTHER_HZ)

    for one, hertz in ((company, MUSIC_HZ), (other, OTHER_HZ)):
        await hears_on_hold(one, hertz)

    await company.add_prompt("Nhạc chờ", tones.wav(MUSIC_HZ + 100, rate_hz=22_050))
    await hears_on_hold(company, MUSIC_HZ + 100)
    await company.change(hold_music="")
    await company.knows_field("101", "moh_suggest", "default")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await ring.hold()
        await customer.hears_music()


async def test_a_queue_plays_its_own_prompt_or_the_companys(company: Company) -> None:
    await plays(company, MUSIC_HZ)
    await company.add_prompt("Xin chờ", tones.wav(QUEUE_HZ))
    await company.add_queue("700", "101", moh_class="Xin chờ")
    await company.add_queue("701", "101")
    async with company.phone("101") as alice, company.carrier() as carrier:
        for queue, hertz in (("700", QUEUE_HZ), ("701", MUSIC_HZ)):
            await company.point_hotline(queue)
            customer = await carrier.calls(HOTLINE)
            await customer.answered()
            ring = await alice.rings()
            await customer.hears(hertz)
            await ring.answer()
            await talk(ring, customer)
            await customer.hang_up()
            await ring.over()


async def test_files_that_are_lost_are_written_again(company: Company, office: Office) -> None:
    """After a restart of tongdai: the database has the sound."""
    await plays(company, MUSIC_HZ)
    folder = Path(office.instance.data) / "asterisk" / "prompts"
    for file in folder.glob("*.wav*"):
        file.unlink()
    await office.instance.kill()
    await office.instance.start()
    await hears_on_hold(company, MUSIC_HZ)


async def plays(company: Company, hertz: int) -> None:
    """The company's hold music is that tone; it comes at a rate that no telephone has."""
    await company.add_prompt("Nhạc chờ", tones.wav(hertz, rate_hz=22_050))
    await company.change(hold_music="Nhạc chờ")
    async with company._office.database.connection() as tx:
        prompt = await tx.fetchval(
            "SELECT prompt_uuid FROM prompts WHERE domain_uuid = $1", company.uuid
        )
    await company.knows_field("101", "moh_suggest", f"prompt-{prompt.hex}")


async def hears_on_hold(company: Company, hertz: int) -> None:
    """A customer of the company hears that tone while its phone holds the call."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await ring.hold()
        await customer.hears(hertz)
        await ring.resume()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
