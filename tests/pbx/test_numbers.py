"""Numbers: what people write, and when two of them are the same."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tongdai import errors
from tongdai.pbx import numbers

digits = st.text("0123456789", min_size=1, max_size=20)
phones = st.from_regex(r"\+?[0-9]{3,18}", fullmatch=True)
countries = st.sampled_from(["84", "1", "44", "856"])


@pytest.mark.parametrize(
    ("written", "canonical", "national"),
    [
        ("0899888999", "84899888999", "0899888999"),
        ("+84899888999", "84899888999", "0899888999"),
        ("84899888999", "84899888999", "0899888999"),
        ("0084899888999", "84899888999", "0899888999"),
        ("+0899888999", "84899888999", "0899888999"),
        ("+840899888999", "84899888999", "0899888999"),
        ("02812345678", "842812345678", "02812345678"),
        ("19001919", "19001919", "19001919"),
        ("+8419001919", "19001919", "19001919"),
        ("1900545415", "1900545415", "1900545415"),
        ("841900545415", "1900545415", "1900545415"),
        ("18001091", "18001091", "18001091"),
        ("113", "113", "113"),
        ("101", "101", "101"),
        ("+12025550123", "12025550123", "0012025550123"),
        ("0012025550123", "12025550123", "0012025550123"),
        # a premium number of the USA, no 1900 of Vietnam
        ("+19005551234", "19005551234", "0019005551234"),
        ("anonymous", "anonymous", "anonymous"),
        ("84unknown", "84unknown", "84unknown"),
        ("", "", ""),
        ("+", "+", "+"),
        ("00", "00", "00"),
        ("899888999", "84899888999", "0899888999"),  # the 0 lost in a spreadsheet
        ("٠٨٩٩٨٨٨٩٩٩", "84899888999", "0899888999"),
    ],
)
def test_vietnam(written: str, canonical: str, national: str) -> None:
    assert (numbers.canonical(written, "84"), numbers.national(written, "84")) == (
        canonical,
        national,
    )


@given(phones, countries)
@example("000123456789", "84")
@example("+0019001919", "84")
def test_the_canonical_form_is_canonical(number: str, country: str) -> None:
    read = numbers.parse(number, country)
    assert read
    assert numbers.parse(read.e164 or read.canonical, country) == read
    assert read.canonical == read.e164.removeprefix("+") or not read.e164


@given(phones, countries)
def test_the_national_form_means_the_same_number(number: str, country: str) -> None:
    national = numbers.national(number, country)
    assert numbers.canonical(national, country) == numbers.canonical(number, country)
    assert numbers.national(national, country) == national


@given(
    st.from_regex(r"[1-9][0-9]{8,9}", fullmatch=True).filter(
        lambda text: not text.startswith(("18", "19"))
    )
)
def test_all_ways_to_write_a_number_are_one(number: str) -> None:
    ways = ("0" + number, "+84" + number, "84" + number, "0084" + number)
    assert {numbers.canonical(way, "84") for way in ways} == {"84" + number}


@given(st.text(max_size=30), countries)
def test_anything_has_a_form(text: str, country: str) -> None:
    assert numbers.canonical(text, country) or not text
    assert numbers.national(text, country) or not text


@pytest.mark.parametrize(
    ("number", "national", "e164", "plain"),
    [
        ("0899888999", "0899888999", "+84899888999", "0899888999"),
        ("84899888999", "0899888999", "+84899888999", "84899888999"),
        ("+12025550123", "0012025550123", "+12025550123", "+12025550123"),
        ("19001919", "19001919", "19001919", "19001919"),
        ("1900545415", "1900545415", "1900545415", "1900545415"),
        ("113", "113", "113", "113"),
    ],
)
def test_as_a_trunk_wants_it(number: str, national: str, e164: str, plain: str) -> None:
    assert numbers.formatted(number, "national", "84") == national
    assert numbers.formatted(number, "e164", "84") == e164
    assert numbers.formatted(number, "plain", "84") == plain


@given(phones, countries, st.sampled_from(["national", "e164", "plain"]))
def test_what_a_trunk_gets_can_be_dialled(
    number: str, country: str, form: numbers.NumberFormat
) -> None:
    assert re.fullmatch(r"\+?[0-9]{3,20}", numbers.formatted(number, form, country))


@pytest.mark.parametrize(
    "text",
    [
        *("0899 888 999", "(0899) 888-999", "0899.888.999", " 0899888999 ", "0899/888/999"),
        *("0899\u00a0888\u2009999", "0899\u3000888999", "0899\t888\t999\n"),
        *("0899\u2011888\u2013999", "0899\u2212888\uff0d999", "[0899]~888·999"),
        *("\u202a0899888999\u202c", "\u200e0899\u200b888\u2060999\ufeff", "0899\u00ad888999"),
        *("０８９９８８８９９９", "٠٨٩٩٨٨٨٩٩٩", "（0899）888．999"),
        *("tel:0899888999", "TEL:0899-888-999;ext=1", "tel:0899888999;phone-context=example.vn"),
        *("0899888999;cpc=ordinary", "0899888999;npdi;rn=+84901000000", "0899888999%3Bisub=1"),
    ],
)
def test_a_number_is_read_however_it_was_written(text: str) -> None:
    assert numbers.phone(text) == "0899888999"


@pytest.mark.parametrize(
    "text",
    [
        *("+84 899 888 999", "＋84899888999", "tel:+84-899-888-999", "%2B84899888999"),
        "\u202a+84 899 888 999\u202c",
        "tel:899-888-999;phone-context=+84",
        "899888999;phone-context=+84;user=phone",
    ],
)
def test_an_international_number_is_read_however_it_was_written(text: str) -> None:
    assert numbers.phone(text) == "+84899888999"


def test_a_local_number_in_a_context_keeps_its_prefix() -> None:
    assert numbers.canonical("02873001234;phone-context=+84", "84") == "842873001234"


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "1", "+84+899", "0899888999x", "0899888999&PJSIP/102", "0899888999\r\nX: y"),
        *("1" * 19, "*98", "${EXTEN}", "tel:", ";ext=1", "0899;888", "0" * 300),
        *("sip:0899888999@example.vn", "²²²", "0899888999,0899888999"),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidPhone) as refused:
        numbers.phone(text, field="dest_cid_number")
    assert refused.value.field == "dest_cid_number"
    assert numbers.parse(text, "84") is None


@given(st.text(max_size=25))
def test_a_phone_is_digits_and_perhaps_a_plus(text: str) -> None:
    try:
        number = numbers.phone(text)
    except errors.InvalidPhone:
        return
    assert re.fullmatch(r"\+?[0-9]{2,18}", number, re.ASCII)


@pytest.mark.parametrize(
    ("text", "found"), [("Anonymous", "anonymous"), ("899 888 999", "84899888999")]
)
def test_a_party_to_look_for(text: str, found: str) -> None:
    assert numbers.canonical(numbers.party(text), "84") == found


@pytest.mark.parametrize("text", ["", "1", "123456789", "10a", "١٠١", "101\n", "+101", "*98"])
def test_what_is_no_extension_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidExtension):
        numbers.extension(text)


@pytest.mark.parametrize("text", ["10", "101", "12345678"])
def test_extensions(text: str) -> None:
    assert numbers.extension(text) == text
