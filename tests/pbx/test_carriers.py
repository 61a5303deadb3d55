"""Several companies at one carrier's address: the number called decides whose call it is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai.pbx import carriers
from tongdai.pbx.carriers import Called, CarrierTrunk, KnownHotline, Undecided
from tongdai.pbx.directory import TrunkAuth

ONE, TWO, TRUNK1, TRUNK2, TRUNK3 = (UUID(int=number) for number in range(1, 6))
PILOT, DID, OTHER = "842873001234", "842873001235", "842873001999"


def trunk(
    uuid: UUID,
    domain: UUID,
    *,
    auth: TrunkAuth = "ip",
    username: str = "",
    called_number_in: carriers.CalledNumberIn = "auto",
) -> CarrierTrunk:
    return CarrierTrunk(
        trunk_uuid=uuid,
        domain_uuid=domain,
        name="carrier",
        auth=auth,
        username=username,
        called_number_in=called_number_in,
    )


def hotline(domain: UUID, canonical: str, *on: UUID) -> KnownHotline:
    return KnownHotline(domain_uuid=domain, canonical=canonical, country="84", trunks=on)


FIRST, SECOND = trunk(TRUNK1, ONE), trunk(TRUNK2, TWO)
HOTLINES = [hotline(ONE, DID, TRUNK1), hotline(TWO, OTHER, TRUNK2)]


@pytest.mark.parametrize("trunks", [(FIRST, SECOND), (SECOND, FIRST)])
def test_the_number_called_decides_over_all_trunks_of_the_address(
    trunks: tuple[CarrierTrunk, ...],
) -> None:
    for number in ("02873001235", "+842873001235", "2873001235", "+84-28-7300-1235;cpc=ordinary"):
        assert carriers.decide(trunks, HOTLINES, number, "") == Called(ONE, TRUNK1, number)
    assert carriers.decide(trunks, HOTLINES, "02873001999", "") == Called(
        TWO, TRUNK2, "02873001999"
    )
    for number in ("02873000000", "anonymous", ""):
        assert carriers.decide(trunks, HOTLINES, number, "") is Undecided.UNKNOWN


def test_a_number_of_two_companies_is_nobodys() -> None:
    both = [hotline(ONE, DID, TRUNK1), hotline(TWO, DID, TRUNK2)]
    assert carriers.decide((FIRST, SECOND), both, DID, "") is Undecided.AMBIGUOUS


def test_unless_the_call_came_by_the_registration_of_one() -> None:
    both = [hotline(ONE, DID, TRUNK1), hotline(TWO, DID, TRUNK2)]
    registering = trunk(TRUNK2, TWO, auth="registration", username="u2")
    assert carriers.decide((registering, FIRST), both, DID, "") == Called(TWO, TRUNK2, DID)


def test_any_trunk_of_the_company_brings_its_calls() -> None:
    """The hotline is on another trunk of the same company."""
    elsewhere = [hotline(ONE, DID, TRUNK3)]
    assert carriers.decide((SECOND, FIRST), elsewhere, DID, "") == Called(ONE, TRUNK1, DID)
    assert carriers.decide((SECOND,), elsewhere, DID, "") is Undecided.UNKNOWN
    backup = [hotline(TWO, DID, TRUNK3, TRUNK1)]
    assert carriers.decide((FIRST,), backup, DID, "") == Called(TWO, TRUNK1, DID)


def test_of_several_trunks_of_a_company_the_hotlines_first_counts() -> None:
    trunks = (trunk(TRUNK3, ONE), trunk(TRUNK2, ONE), trunk(TRUNK1, ONE))
    known = [hotline(ONE, DID, TRUNK1, TRUNK2)]
    assert carriers.decide(trunks, known, DID, "") == Called(ONE, TRUNK1, DID)


TO = '"An" <sip:+842873001235;npdi@pbx.vn;user=phone>;tag=1'


@pytest.mark.parametrize(
    ("request_user", "header", "number"),
    [
        ("02873001234", TO, "+842873001235;npdi"),  # what it registered, so To has the number
        ("+02873001234", TO, "+02873001234"),
        ("02873001235", "<sip:0900@x>", "02873001235"),
        ("02873001234", "<sip:carrier.vn>", "02873001234"),  # no number in To
        ("02873001234", "<sip:02873001234@x>", "02873001234"),
        ("0900000000", TO, "+842873001235;npdi"),  # unknown: To may be known
    ],
)
def test_a_carrier_that_calls_the_pilot_number(
    request_user: str, header: str, number: str
) -> None:
    registered = trunk(TRUNK1, ONE, auth="registration", username="02873001234")
    known = [hotline(ONE, PILOT, TRUNK1), hotline(ONE, DID, TRUNK1)]
    found = carriers.decide((registered,), known, request_user, header)
    assert found == Called(ONE, TRUNK1, number)


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("auto", ("0287", "0289")),
        ("request_uri", ("0287",)),
        ("to", ("0289", "0287")),
        ("p_called_party_id", ("0289", "0287")),
        ("diversion", ("0289", "0287")),
    ],
)
def test_where_the_number_called_is(
    where: carriers.CalledNumberIn, numbers: tuple[str, ...]
) -> None:
    link = trunk(TRUNK1, ONE, called_number_in=where)
    assert carriers.called_numbers(link, "0287", "<sip:0289@c.vn>;reason=unconditional") == numbers
    assert carriers.called_numbers(link, "0287", "") == ("0287",)


@given(st.text(max_size=40), st.text(max_size=60))
def test_whatever_a_carrier_writes(request_user: str, header: str) -> None:
    """It reaches one of the two companies, or none; never one that has no such hotline."""
    found = carriers.decide((FIRST, SECOND), HOTLINES, request_user, header)
    if isinstance(found, Called):
        assert carriers.canonicals([found.number], ["84"]) <= {DID, OTHER}
