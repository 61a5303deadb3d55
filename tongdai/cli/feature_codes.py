"""tongdai feature-codes: what extensions dial."""

import msgspec

from tongdai.cli import options, session, terminal
from tongdai.pbx import feature_codes
from tongdai.store import domains


class Line(msgspec.Struct, frozen=True):
    """A feature, for people."""

    feature: str
    code: str
    argument: str
    meaning: str


def feature_codes_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show what the extensions of a domain dial for each feature.

    An argument in brackets may be left out. `tongdai domain update --feature-codes` changes codes.

    Example: tongdai feature-codes -d sales.example.vn
    """
    own = session.call(domain, domains.get).feature_codes
    lines = [_line(each) for each in feature_codes.listed(own)]
    terminal.many(lines, *Line.__struct_fields__, as_json=as_json)


def _line(code: feature_codes.FeatureCode) -> Line:
    argument = code.argument if code.needs or not code.argument else f"[{code.argument}]"
    return Line(code.feature, code.code, argument, code.meaning.en)
