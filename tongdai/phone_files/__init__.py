"""RENDERS: the files by which phones configure themselves, in the forms of their makers, by Jinja
templates of ours. Pure.

The forms, as their makers publish them:
yealink       Yealink, "Configuration Files" of the Auto Provisioning Guide (V80 and later)
grandstream   Grandstream, SIP Device Provisioning Guide; P values of its templates
fanvil        Fanvil, Auto Provision Manual: XML (<sysConf>)
linphone      Linphone, Remote Provisioning (lpconfig.xsd): the app scans the URL as a QR code
acrobits      Acrobits Account XML: Groundwire and other Acrobits apps
"""

from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

if TYPE_CHECKING:
    import jinja2

Transport = Literal["udp", "tcp", "tls"]
PhoneForm = Literal["yealink", "grandstream", "fanvil"]
SoftphoneForm = Literal["linphone", "acrobits"]
PHONE_FORMS: tuple[PhoneForm, ...] = get_args(PhoneForm)
SOFTPHONE_FORMS: tuple[SoftphoneForm, ...] = get_args(SoftphoneForm)

_TEMPLATES = {
    "yealink": "yealink.cfg.jinja",
    "grandstream": "grandstream.xml.jinja",
    "fanvil": "fanvil.xml.jinja",
    "linphone": "linphone.xml.jinja",
    "acrobits": "acrobits.xml.jinja",
}
# What a phone appends to the URL that it is given.
_FILE_NAMES = {"yealink": "{mac}.cfg", "grandstream": "cfg{mac}.xml", "fanvil": "{mac}.cfg"}


class SipServer(msgspec.Struct, frozen=True):
    """The SIP server that phones are told: their outbound proxy. Their SIP domain is the
    company's.
    """

    host: str
    port: int
    transport: Transport


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """All that a file tells a phone. `user` registers at `domain` by way of `server`."""

    domain: str
    user: str
    display_name: str
    password: str
    srtp_required: bool
    mac: str
    server: SipServer
    url: str  # of the link, by which the phone asks again; "": it does not

    @property
    def plain_mac(self) -> str:
        """As file names have it: 001565aabbcc."""
        return self.mac.replace(":", "")

    @property
    def shown_as(self) -> str:
        """The name on the phone: the extension's, or its number."""
        return self.display_name or self.user


def file_name(form: PhoneForm, mac: str) -> str:
    """The name by which a phone of that MAC asks for its own file."""
    return _FILE_NAMES[form].format(mac=mac.replace(":", ""))


def media_type(form: PhoneForm | SoftphoneForm) -> str:
    """The type of the file."""
    return "text/plain; charset=utf-8" if form == "yealink" else "application/xml"


def rendered(form: PhoneForm | SoftphoneForm, account: Account) -> str:
    """The file."""
    return _environment().get_template(_TEMPLATES[form]).render(account=account)


@cache
def _environment() -> "jinja2.Environment":
    """XML is escaped; a name in a line of text cannot end it (`checks.name`). Commands, which
    have no files to make, do not wait for the import.
    """
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        loader=jinja2.PackageLoader("tongdai.phone_files", "."),
        autoescape=jinja2.select_autoescape(["xml.jinja"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
