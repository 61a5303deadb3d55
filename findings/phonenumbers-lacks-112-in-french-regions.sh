#!/usr/bin/env bash
# phonenumbers 9.0.43 (PyPI; libphonenumber's metadata of that version)
#
# 112 is the emergency number of the whole European Union, its outermost regions included
# (Directive (EU) 2018/1972, article 109). The library knows that of France, Reunion, Martinique
# and Mayotte, but not of Guadeloupe, French Guiana and Saint Martin: is_emergency_number() and
# connects_to_emergency_number() say False there, while they know the French 15, 17 and 18. A phone
# system that lets out what they call an emergency bars 112 in these three.
#
# Expected: the same answer in all French regions of the Union.
#
# Seen:
#   is_emergency_number("112"): FR True, RE True, MQ True, YT True, GP False, GF False, MF False
#   connects_to_emergency_number("112"): FR True, RE True, MQ True, YT True, GP False, GF False,
#     MF False
#   is_emergency_number("18"): GP True, GF True, MF True
#
# Exits 0 while the library answers so, 1 when it answers otherwise, with another status when the
# package cannot be had. Needs Python 3. Everything is in a temporary folder.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --target "$work" phonenumbers==9.0.43

PYTHONPATH=$work python3 - << 'END'
import sys

import phonenumbers

KNOWN, NOT_KNOWN = ("FR", "RE", "MQ", "YT"), ("GP", "GF", "MF")


def expect(what, seen, wanted):
    print(f"{what}: {', '.join(f'{region} {answer}' for region, answer in seen.items())}")
    if seen != wanted:
        sys.exit(f"the behaviour has changed: expected {wanted}")


wanted = dict.fromkeys(KNOWN, True) | dict.fromkeys(NOT_KNOWN, False)
for ask in (phonenumbers.is_emergency_number, phonenumbers.connects_to_emergency_number):
    seen = {region: ask("112", region) for region in wanted}
    expect(f'{ask.__name__}("112")', seen, wanted)
expect(
    'is_emergency_number("18")',
    {region: phonenumbers.is_emergency_number("18", region) for region in NOT_KNOWN},
    dict.fromkeys(NOT_KNOWN, True),
)
END
