"""The user parts in header values, as carriers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai.pbx import numbers, sip_address


@pytest.mark.parametrize(
    ("value", "users"),
    [
        ("<sip:0899888999@c.vn>", ("0899888999",)),
        ("sip:0899888999@c.vn;tag=1", ("0899888999",)),
        ("SIPS:u:secret@c.vn:5061;transport=tls", ("u",)),
        ('"An, <Mr> \\"Ba\\"" <sip:+84899888999;cpc=x@c.vn;user=phone>', ("+84899888999;cpc=x",)),
        ("<sip:+84899888999@c.vn>, <tel:+84-899-888-999>", ("+84899888999", "+84-899-888-999")),
        ("<tel:899888999;phone-context=+84>", ("899888999;phone-context=+84",)),
        ('\\"An\\" <sip:0899888999@c.vn>', ("0899888999",)),  # as Asterisk escapes a display name
        ("<sip:c.vn>, <sip:1@c.vn>", ("1",)),
        ("sip:1@c.vn, sip:2@c.vn", ("1", "2")),
        ("<urn:service:sos>", ()),
        ("Anonymous", ()),
        ("", ()),
    ],
)
def test_users(value: str, users: tuple[str, ...]) -> None:
    assert sip_address.users(value) == users
    assert sip_address.first_user(value) == (users[0] if users else "")


SEPARATORS = st.sampled_from(["", "-", ".", "(", ")", " "])
PARAMETERS = st.sampled_from(
    ["", ";cpc=ordinary", ";npdi;rn=+84901000000", ";isub=12", ";phone-context=c.vn"]
)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A number of Vietnam, and one of the ways in which SIP may bring it (RFC 3261 §19.1, 3966,
    4694).
    """
    number = draw(st.from_regex(r"[35789][0-9]{8}", fullmatch=True))
    lead = draw(st.sampled_from(["0", "+84", "84", ""]))
    text = "".join(char + draw(SEPARATORS) for char in lead + number) + draw(PARAMETERS)
    if draw(st.booleans()):
        text = "".join(
            f"%{ord(char):02X}" if char in "+;=() " and draw(st.booleans()) else char
            for char in text
        )
    return number, text


@given(written())
def test_a_number_is_the_same_however_sip_brings_it(pair: tuple[str, str]) -> None:
    number, text = pair
    for value in (f"<sip:{text}@c.vn;user=phone>;tag=1", f"<tel:{text}>"):
        user = sip_address.first_user(value)
        assert numbers.canonical(user, "84") == f"84{number}", value


@given(st.from_regex(r"[2-9][0-9]{6}", fullmatch=True))
def test_a_local_number_in_its_context(number: str) -> None:
    user = sip_address.first_user(f"<tel:{number};phone-context=+8428>")
    assert numbers.canonical(user, "84") == f"8428{number}"


@given(st.text(max_size=200))
def test_any_text_has_users_or_none(value: str) -> None:
    assert all(sip_address.users(value))
