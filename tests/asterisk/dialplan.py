"""The context [fallback] of extensions.conf, step by step, on the entries that it reads.

tests/e2e/test_fallback.py holds it to the real Asterisk.
"""

import re

import msgspec

from tongdai.asterisk.fallback import Entries, key_of


class Reached(msgspec.Struct, frozen=True):
    """`inside` are endpoints whose contacts ring; `outside` is a number and the trunk it leaves
    by, presenting `presented_number`.
    """

    inside: frozenset[str] = frozenset()
    outside: tuple[str, str] | None = None
    presented_number: str = ""
    timeout_s: int = 0
    record: bool = False


REFUSED = Reached()


class Fallback(msgspec.Struct, frozen=True):
    """The destinations that a call reaches; live channels are not counted."""

    entries: Entries

    def from_trunk(self, carrier: str, dialled: str, trunk: str = "") -> Reached:
        """A carrier calls from the addresses with that key; `trunk` if it authenticated as one."""
        dialled = dialled.partition(";")[0]
        if not _is_clean(dialled):
            return REFUSED
        key = f"trunk/{carrier}/{dialled.replace('+', '')}/"
        found = [each for each in self.entries if each.startswith(key)]
        own = [each for each in found if each == key + trunk] if trunk else found
        return (self._entry(own[0]) if len(own) == 1 else None) or REFUSED

    def from_phone(self, by: str, dialled: str, epoch: float, *, connected: str = "") -> Reached:
        """The endpoint `by` calls, or transfers its peer `connected`."""
        if not _is_clean(dialled):
            return REFUSED
        user, _, domain = by.partition("@")
        own_user, _, own_domain = (connected or by).partition("@")
        own = own_user.partition("-")[0] if own_domain == domain else ""
        key = f"number/{key_of(domain)}/{dialled}"
        if found := self._entry(f"{key}/{own}") or self._entry(key):
            return found
        exit_ = self._exit(key_of(domain), user.partition("-")[0])
        return self._outside(exit_, dialled, epoch) if exit_ else REFUSED

    def _entry(self, key: str) -> Reached | None:
        if (entry := self.entries.get(key)) is None:
            return None
        context, _, arguments = entry.partition("|")
        parties, timeout_s, options = arguments.split(",")
        assert options == "ig"
        inside = re.findall(r"\$\{PJSIP_DIAL_CONTACTS\(([^()]+)\)\}", parties)
        assert parties == "&".join(f"${{PJSIP_DIAL_CONTACTS({each})}}" for each in inside)
        return Reached(
            frozenset(inside), timeout_s=int(timeout_s), record=context == "dial-recorded"
        )

    def _exit(self, domain: str, extension: str) -> list[str] | None:
        found = self.entries.get(f"exit/{domain}/{extension}") or self.entries.get(
            f"exit/{domain}"
        )
        return found.split(",") if found else None

    def _outside(self, exit_: list[str], dialled: str, epoch: float) -> Reached:
        help_, help_shown, help_options, out, out_shown, options, country, plain, *rest = exit_
        if number := self.entries.get(f"emergency/{country}/{dialled}"):
            return _left(number, help_, help_shown, help_options)
        rule = self._rule(plain, dialled) if out else None
        if rule is None:
            return REFUSED
        least, most, strip, lead = rule.split(",")
        if not int(least) <= len(dialled) <= int(most) or int(epoch) < int(rest[0]):
            return REFUSED
        return _left(lead + dialled[int(strip) :], out, out_shown, options)

    def _rule(self, plain: str, dialled: str) -> str | None:
        keys = (f"plain/{plain}/{dialled[:length]}" for length in range(1, len(dialled) + 1))
        return next((self.entries[key] for key in keys if key in self.entries), None)


def _is_clean(dialled: str) -> bool:
    return re.fullmatch(r"[+0-9]*", dialled) is not None


def _left(number: str, trunk: str, shown: str, options: str) -> Reached:
    if not trunk:
        return REFUSED
    return Reached(outside=(trunk, number), presented_number=shown, record="b(record" in options)
