"""Corrections of libphonenumber's metadata, each with its source
(docs/decisions/0024-numbers-from-a-numbering-plan.md).

An nsn is a national significant number (ITU-T E.164), in digits.
"""

from tongdai.pbx.numbers import NumberClass

# ITU-T E.164 list of assigned country codes (annex to Operational Bulletin 1114): codes of no
# country. 888 was withdrawn; some networks still route it.
GLOBAL_SERVICES = {
    "800": NumberClass.TOLL_FREE,  # universal international freephone (ITU-T E.169.1)
    "808": NumberClass.SHARED_COST,  # international shared cost (E.169.3)
    "870": NumberClass.SATELLITE,  # Inmarsat
    "878": NumberClass.PERSONAL,  # universal personal telecommunications (E.168)
    "881": NumberClass.SATELLITE,  # global mobile satellite systems (E.164.1)
    "882": NumberClass.INTERNATIONAL_NETWORK,
    "883": NumberClass.INTERNATIONAL_NETWORK,
    "888": NumberClass.INTERNATIONAL_NETWORK,
    "979": NumberClass.PREMIUM,  # international premium rate (E.169.2)
}

# Corrections of ranges: the first digits of an nsn (or a short number).
RANGES: tuple[tuple[str, str, NumberClass], ...] = (
    # Circular 22/2014/TT-BTTTT (Vietnam's numbering plan, amended by 27/2021): 1800 is free to
    # callers, 1900 is paid information and entertainment. Both in any length, as carriers route
    # by the first digits.
    ("84", "1900", NumberClass.PREMIUM),
    ("84", "1800", NumberClass.TOLL_FREE),
    # NANPA: area code 900, and 976 dialled as a local number of seven digits, are pay per call.
    ("1", "900", NumberClass.PREMIUM),
    ("1", r"976\d{4}$", NumberClass.PREMIUM),
)

# Service numbers that are dialled as they are, without the trunk prefix, and are no E.164 numbers
# that other countries can call: Circular 22/2014/TT-BTTTT.
SERVICE_NUMBERS = {"84": ("1800", "1900")}
LONGEST_SERVICE_NUMBER = 10

# Corrections of emergency numbers, added to the metadata.
EMERGENCY: dict[str, frozenset[str]] = {
    # Decree 200/2025/ND-CP and Decision 2023/QD-TTg of 2025: 112 takes reports of incidents and
    # disasters in all provinces, free of charge, beside 113, 114 and 115.
    "VN": frozenset({"112"}),
    # Japan Coast Guard: 118, handled as 110 and 119 are since May 2000
    "JP": frozenset({"118"}),
    # Directive (EU) 2018/1972, article 109: 112 in the outermost regions too
    **dict.fromkeys(("GF", "GP", "MF"), frozenset({"112"})),
}
# ITU-T E.161.1: a country without a number of its own should take one of these.
EMERGENCY_ELSEWHERE = frozenset({"112", "911"})

# Regions that are one country to their callers: one regulator and one numbering plan for both
# (Traficom, Nkom, ACMA, ARCEP, AGCOM, ANRT).
ONE_COUNTRY = (
    frozenset({"FI", "AX"}),
    frozenset({"NO", "SJ"}),
    frozenset({"AU", "CC", "CX"}),
    frozenset({"GP", "BL", "MF"}),
    frozenset({"RE", "YT"}),
    frozenset({"IT", "VA"}),
    frozenset({"MA", "EH"}),
)
