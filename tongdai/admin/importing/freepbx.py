"""Extensions of FreePBX, from the CSV that its Bulk Handler exports: columns of its module core
16.0.68 and of published examples, since other modules add theirs.
"""

import re

from tongdai.admin.company import document
from tongdai.admin.company.document import FORM, Company
from tongdai.admin.importing import csv_rows
from tongdai.admin.importing.carrying import Imported, Notes, Row, whole

_NEEDED = ("extension", "name")
_LEFT = {
    "voicemail": "its voicemail is not carried over",
    "findmefollow_enabled": "its follow me is not carried over",
    "noanswer_dest": "its destination without an answer is not carried over",
    "busy_dest": "its destination when busy is not carried over",
    "chanunavail_dest": "its destination when unreachable is not carried over",
    "emergency_cid": "its emergency number is not carried over",
    "mohclass": "its hold music is not carried over",
    "callforward_ringtimer": "its forwarding is set on the phone",
}
_NOTHING = ("", "novm", "no", "disabled", "0")


def imported(text: str, name: str) -> Imported:
    """The company of that name with the extensions of the file. Raises errors.Invalid for what is
    no such file, naming the line.
    """
    rows, notes = csv_rows.read(text, _NEEDED), Notes()
    extensions: dict[str, document.Extension] = {}
    for row in rows:
        number = row["extension"]
        thing = f"extension {number}"
        if number in extensions:
            notes.add(thing, "is left out: it stands there twice")
        elif notes.number(thing, number) and _is_sip(row, thing, notes):
            extensions[number] = _extension(row, thing, notes)
    company = Company(
        tongdai=FORM, domain=document.Domain(name=name), extensions=tuple(extensions.values())
    )
    return Imported(company, notes.found)


def _is_sip(row: Row, thing: str, notes: Notes) -> bool:
    tech = row.get("tech", "pjsip")
    if tech not in ("pjsip", "sip", ""):
        notes.add(thing, f"is left out: its technology is {tech}")
        return False
    return True


def _extension(row: Row, thing: str, notes: Notes) -> document.Extension:
    for column, why in _LEFT.items():
        value = row.get(column, "").lower()
        if value not in _NOTHING and (column, value) != ("mohclass", "default"):
            notes.add(thing, why)
    if outbound := row.get("outboundcid", ""):
        number = re.sub(r".*<([^>]*)>.*", r"\1", outbound)
        notes.add(
            thing, f"its outbound number {number} is not carried over: hotlines are not here"
        )
    secret = row.get("secret") or row.get("devinfo_secret") or ""
    contacts = min(max(whole(row.get("max_contacts"), 5), 1), 20)
    limit = whole(row.get("concurrency_limit"), 0)
    return document.Extension(
        extension=row["extension"],
        name=notes.name(thing, row["name"] or row.get("description", "")),
        recording=_recording(row, thing, notes),
        max_calls=min(limit, 10_000) if limit > 0 else 2,
        ring_timeout_s=notes.seconds(thing, row.get("ringtimer"), 30),
        devices=(document.Device(max_contacts=contacts),),
        password=notes.password(thing, secret),
    )


def _recording(row: Row, thing: str, notes: Notes) -> bool | None:
    """Of calls with the outside; `force` and `yes` record, `no` and `never` do not."""
    said = {row.get(f"recording_{way}_external", "").lower() for way in ("in", "out")}
    on, off = said & {"force", "yes"}, said & {"no", "never"}
    if on and off:
        notes.add(thing, "only some of its calls were recorded; all are now")
    return True if on else False if off == said and off else None
