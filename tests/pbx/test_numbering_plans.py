"""Toll fraud and emergency calls in every country that libphonenumber knows: a domain without
permitted destinations calls the plain numbers of its country and its emergency numbers, and no
costly service and no other country, however the number is dialled.
"""

import time
from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberType

from tests.pbx.company import COMPANY
from tests.pbx.test_barring import NOON
from tongdai.pbx import barring, numbering_corrections, numbers, plain_prefixes
from tongdai.pbx.directory import Domain
from tongdai.pbx.numbers import COSTLY, NumberClass

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
COSTLY_TYPES = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
)
PLAIN_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
FORMS: tuple[numbers.NumberFormat, ...] = ("national", "e164")
LONGEST = 18  # digits that can be dialled
# International prefixes that the metadata give as patterns, in a way in which they can be dialled;
# where nothing stands here it is the preferred prefix, or digits alone.
PREFIXES = {
    "BR": ("0015", "0021"), "CL": ("00", "1230"), "CO": ("009", "00414"), "IL": ("00", "012"),
    "KH": ("001", "007"), "KR": ("001", "002", "00700"), "SG": ("001", "018"),
    "TH": ("001", "009"), "TW": ("002", "019"), "TZ": ("000", "005"), "UG": ("000", "007"),
    "AU": ("0011", "0014"), "FI": ("00", "990", "99533"), "JP": ("010",), "HK": ("001", "0030"),
    "MX": ("00", "09"),
}  # fmt: skip


def prefixes(region: str) -> tuple[str, ...]:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata
    preferred = metadata.preferred_international_prefix or metadata.international_prefix or "00"
    preferred = preferred.replace("~", "")
    return PREFIXES.get(region) or ((preferred,) if preferred.isdigit() else ("00",))


def code_and_nsn(number: phonenumbers.PhoneNumber) -> tuple[str, str]:
    return str(number.country_code), phonenumbers.national_significant_number(number)


def examples(*types: int, of: list[str] = REGIONS) -> Iterator[tuple[str, str, str]]:
    """A region, and country code and nsn of a number of its own, of each of these types."""
    for region in of:
        for each in types:
            if number := phonenumbers.example_number_for_type(region, each):
                yield region, *code_and_nsn(number)


def at_home(region: str, nsn: str) -> set[str]:
    """An nsn as people of its country dial it."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata
    code = str(phonenumbers.country_code_for_region(region))
    number = phonenumbers.parse(f"+{code}{nsn}")
    usual = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return {usual, (metadata.national_prefix or "") + nsn}


def ways(region: str, code: str, nsn: str) -> set[str]:
    """A number as it is dialled from the region, and as it is pasted."""
    found = {prefix + code + nsn for prefix in (*prefixes(region), "00")}
    found |= {
        f"+{code}{nsn}",
        f"tel:+{code}-{nsn[:2]}.{nsn[2:]}",
        f"+{code} ({nsn[:3]})/{nsn[3:]}",
    }
    return found | {f"{nsn};phone-context=+{code}"}


def is_permitted(text: str, region: str, *destinations: str) -> bool:
    number = numbers.parse(text, region)
    return number is not None and barring.is_permitted(number, destinations)


def is_one_country(region: str, other: str) -> bool:
    return numbers.is_one_country(region, other)


# --- costly services


def test_costly_services_are_barred_however_they_are_dialled() -> None:
    wrong = [
        (region, way)
        for region, code, nsn in examples(*COSTLY_TYPES)
        for way in ways(region, code, nsn) | at_home(region, nsn)
        if is_permitted(way, region)
    ]
    assert wrong == []
    assert len(list(examples(*COSTLY_TYPES))) > 250, "there are examples"


@given(st.sampled_from(list(examples(*COSTLY_TYPES))), st.data())
@example(("VN", "84", "1900545415"), None)
def test_digits_dialled_behind_a_costly_number_change_nothing(
    known: tuple[str, str, str], data: st.DataObject | None
) -> None:
    region, code, nsn = known
    for way in sorted(ways(region, code, nsn) - {f"{nsn};phone-context=+{code}"}) + sorted(
        at_home(region, nsn)
    ):
        digits = numbers.clean(way)
        assume(digits)
        assert digits
        room = LONGEST - len(digits.removeprefix("+"))
        more = data.draw(st.text("0123456789", max_size=max(room, 0))) if data else "99"
        assume(not _is_assigned(region, code, nsn + more))
        assert not is_permitted(digits + more, region), (way, more)


def _is_assigned(region: str, code: str, nsn: str) -> bool:
    """Whether the digits are a plain number of their own, as Japan's 060 mobiles are behind its
    shorter personal numbers.
    """
    if len(code + nsn) > 15:
        return False
    found = phonenumbers.parse(f"+{code}{nsn}", region)
    return phonenumbers.number_type(found) not in (PhoneNumberType.UNKNOWN, *COSTLY_TYPES)


@pytest.mark.parametrize(
    "code", ["870", "878", "881", "882", "883", "888", "979", "808", "999", "210"]
)
def test_satellites_and_global_networks_are_barred_in_every_country(code: str) -> None:
    for region in REGIONS:
        for way in ways(region, code, "12345678"):
            number = numbers.parse(way, region)
            if number and number.country_code != code:
                continue  # 00 is no international prefix there: a number of another country
            assert not is_permitted(way, region, "+"), (region, way)
            if number:
                assert is_permitted(way, region, f"+{code}"), (region, way)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        *(("84", text) for text in ("0190054541599", "+84190054541599", "1900 5454 15", "01900")),
        *(
            ("1", text)
            for text in ("011882123456789", "011447700900123", "18765550123", "9005551234")
        ),
        *(
            ("1", text)
            for text in ("(809) 555-0123", "+1 284 555 0123", "9765555", "1876555012399")
        ),
        *(("81", text) for text in ("010447700900123", "010882123456789", "0990123456")),
        *(("61", text) for text in ("0011447700900123", "1902123456", "0014447700900123")),
        *(("7", text) for text in ("810447700900123", "8~10 44 7700 900123", "8 809 123 4567")),
        *(
            ("44", text)
            for text in ("0906 123 4567", "+44 (0)906 123 4567", "07012345678", "01481960194")
        ),
        *(("49", text) for text in ("0900 1234567", "0137 7123456", "0180 5123456")),
        *(("972", "0124477009001"), ("972", "013882123456")),
    ],
)
def test_what_fraud_dials(country: str, text: str) -> None:
    assert not is_permitted(text, country)


def test_every_costly_class_has_an_example() -> None:
    found = {
        numbers.classify(number)
        for text in (
            *("+19005551234", "+448712345678", "+447012345678", "+447640123456", "+88161234567"),
            *("+88212345678", "+21012345678", "+84171008821234567"),
        )
        if (number := numbers.parse(text, "VN"))
    }
    assert {*COSTLY} - found == {NumberClass.SHARED_COST} - found


# --- plain numbers at home and abroad


def test_plain_numbers_of_the_country_are_permitted() -> None:
    wrong = [
        (region, way)
        for region, code, nsn in examples(*PLAIN_TYPES)
        for way in at_home(region, nsn) | {f"+{code}{nsn}", prefixes(region)[0] + code + nsn}
        if len(numbers.clean(way) or "") <= LONGEST and not is_permitted(way, region)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "other", ["GB", "US", "CA", "JM", "DO", "LV", "SO", "CU", "KZ", "GG", "IM", "VN"]
)
def test_other_countries_are_barred_until_they_are_permitted(other: str) -> None:
    (_, code, nsn), *_ = examples(PhoneNumberType.MOBILE, of=[other])
    for region in REGIONS:
        if is_one_country(region, other):
            continue
        for way in ways(region, code, nsn):
            number = numbers.parse(way, region)
            if number and (number.country_code, number.significant) != (code, nsn):
                continue  # 00 is no international prefix there: another number of the country
            assert not is_permitted(way, region), (region, way)
            if number:
                assert is_permitted(way, region, f"+{code}{nsn[:3]}"), (region, way)
                assert is_permitted(way, region, "+"), (region, way)


def test_a_way_that_is_read_as_another_number_is_no_way_abroad() -> None:
    (_, code, nsn), *_ = examples(PhoneNumberType.MOBILE, of=["GB"])
    allowed = {
        (region, number.country_code, numbers.classify(number))
        for region in REGIONS
        for way in ways(region, code, nsn)
        if (number := numbers.parse(way, region))
        and barring.is_permitted(number, ())
        and not is_one_country(region, "GB")
    }
    assert allowed == set()


def test_a_bare_1_permits_the_countries_meant_by_it_and_no_island() -> None:
    assert is_permitted("+14155550123", "84", "+1")
    assert is_permitted("+14165550123", "84", "+1")
    for island in ("+18765550123", "+18095550123", "+12845550123", "+12685550123"):
        assert not is_permitted(island, "84", "+1"), island
        assert is_permitted(island, "84", island[:5]), island
    assert not is_permitted("+14165550123", "US")
    assert not is_permitted("4155550123", "CA")
    assert is_permitted("8005550123", "CA"), "freephone is everybody's"


@pytest.mark.parametrize(
    "text", ["0666666666", "+84666666666", "05551234567", "105105", "02812345"]
)
def test_a_range_that_is_not_known_can_be_called(text: str) -> None:
    assert is_permitted(text, "84")


@pytest.mark.parametrize("region", ["AU", "US", "RU", "SJ"])
def test_a_new_range_of_any_country_can_be_called(region: str) -> None:
    code = phonenumbers.country_code_for_region(region)
    nsn = {"AU": "699999999", "US": "2115550123", "RU": "9999999999", "SJ": "79999999"}[region]
    assert is_permitted(f"+{code}{nsn}", region)


# --- emergency calls


def test_emergency_numbers_are_permitted_and_nothing_longer_is_one() -> None:
    for region in REGIONS:
        known = numbers.emergency_numbers(region)
        assert known, region
        assert all(numbers.is_emergency(each, region) for each in known), region
        assert all(is_permitted(each, region) for each in known), region
        longer = {each + digit for each in known for digit in "0123456789"} - known
        assert not any(numbers.is_emergency(each, region) for each in longer), region


@pytest.mark.parametrize("region", ["VN", "US", "GB", "FR", "AU", "JP"])
def test_no_three_digits_are_an_emergency_number_but_those_of_the_country(region: str) -> None:
    three = {f"{number:03d}" for number in range(1000)}
    found = {each for each in three if numbers.is_emergency(each, region)}
    assert found == three & numbers.emergency_numbers(region)


@pytest.mark.parametrize(
    ("country", "known"),
    [
        ("84", {"112", "113", "114", "115"}),
        ("44", {"112", "999"}),
        ("33", {"112", "15", "17", "18"}),
        ("49", {"110", "112"}),
        ("81", {"110", "118", "119"}),
        ("61", {"000", "106", "112"}),
        ("US", {"911", "112"}),
        ("590", {"112", "15", "17", "18"}),
        ("RE", {"112", "15", "17", "18"}),
        ("MQ", {"112", "15", "17", "18"}),
        ("YT", {"112", "15"}),
        ("TK", {"112", "911"}),
    ],
)
def test_the_emergency_numbers_of_a_country(country: str, known: set[str]) -> None:
    assert numbers.emergency_numbers(country) == known


def test_the_metadata_lack_what_is_corrected() -> None:
    """A correction that an upgrade of phonenumbers brings too is removed from ours."""
    superfluous = {
        (region, number)
        for region, added in numbering_corrections.EMERGENCY.items()
        for number in added
        if phonenumbers.is_emergency_number(number, region)
    }
    assert superfluous == set()


def test_emergency_numbers_of_another_country_are_none() -> None:
    assert not numbers.is_emergency("911", "84")
    assert not numbers.is_emergency("+1911", "84")
    assert numbers.is_emergency("+84113", "84")


# --- what the switch may let out by itself


@settings(max_examples=400)
@given(st.sampled_from(REGIONS), st.data())
def test_whatever_begins_with_a_permitted_prefix_is_permitted(
    region: str, data: st.DataObject
) -> None:
    domain = Domain(COMPANY.domain.domain_uuid, "x", region=region)
    prefix = data.draw(st.sampled_from(barring.permitted_prefixes(domain, None, NOON)))
    least, most = prefix.min_digits - len(prefix.prefix), prefix.max_digits - len(prefix.prefix)
    more = data.draw(st.text("0123456789", min_size=max(least, 0), max_size=most))
    assert is_permitted(prefix.prefix + more, region)


def test_most_plain_numbers_have_a_permitted_prefix() -> None:
    without = {
        region
        for region, _, nsn in examples(*PLAIN_TYPES)
        if not any(
            way.startswith(prefix) and least <= len(way) <= most
            for way in map(numbers.clean, at_home(region, nsn))
            for prefix, least, most in plain_prefixes.of(region)
            if way
        )
    }
    assert without <= {"AX", "CL", "IM", "SJ", "VA"}, "told by digits beyond their leading ones"


def test_a_suspended_extension_has_no_permitted_prefix() -> None:
    domain = Domain(COMPANY.domain.domain_uuid, "x", suspended_until=NOON + barring.SUSPENSION)
    assert barring.permitted_prefixes(domain, None, NOON) == ()


# --- forms


def test_all_forms_mean_the_same_number() -> None:
    for region, code, nsn in examples(*PLAIN_TYPES, *COSTLY_TYPES):
        number = numbers.parse(f"+{code}{nsn}", region)
        assert number
        assert numbers.parse(number.national, region) == number
        for form in FORMS:
            sent = numbers.formatted(f"+{code}{nsn}", form, region)
            assert numbers.parse(sent, region) == number, sent


@given(st.from_regex(r"\+?[0-9]{3,18}", fullmatch=True), st.sampled_from(REGIONS))
def test_every_number_has_a_class_and_forms_in_every_country(text: str, region: str) -> None:
    number = numbers.parse(text, region)
    assert number
    assert numbers.classify(number) in NumberClass
    assert numbers.parse(number.national, region) == number
    assert not number.e164[3:] or numbers.parse(number.e164, region) == number
    assert numbers.is_emergency(text, region) == (
        number.significant in numbers.emergency_numbers(region) and not number.country_code
    )


@given(st.text(max_size=60), st.sampled_from(REGIONS))
def test_no_text_is_too_odd(text: str, region: str) -> None:
    numbers.canonical(text, region)
    numbers.national(text, region)


@pytest.mark.parametrize(
    ("region", "text", "national", "e164"),
    [
        ("US", "+14155550129", "4155550129", "+14155550129"),
        ("US", "+84899888999", "01184899888999", "+84899888999"),
        ("RU", "+79123456789", "89123456789", "+79123456789"),
        ("JP", "+84899888999", "01084899888999", "+84899888999"),
        ("AU", "0412 345 678", "0412345678", "+61412345678"),
        ("ES", "612 34 56 78", "612345678", "+34612345678"),
        ("IT", "06 1234 5678", "0612345678", "+390612345678"),
        ("DK", "32 12 34 56", "32123456", "+4532123456"),
    ],
)
def test_forms_of_other_countries(region: str, text: str, national: str, e164: str) -> None:
    assert numbers.formatted(text, "national", region) == national
    assert numbers.formatted(text, "e164", region) == e164


def test_reading_a_number_again_is_cheap() -> None:
    numbers.canonical("0899 888 999", "84")
    began = time.process_time()
    for _ in range(10_000):
        numbers.canonical("0899 888 999", "84")
    assert time.process_time() - began < 0.5, "50 us each, which a cache never comes near"
