"""What an API user may ask of live calls, and the answer the engine gives."""

from uuid import UUID

import msgspec


class ClickToCall(msgspec.Struct, frozen=True, kw_only=True, tag="click2call"):
    """Ring `ext`; when it answers, call `phone`. Formats are checked before it is asked
    (pbx.numbers, caller ids).
    """

    ext: str
    phone: str
    src_cid_name: str = "Click2Call"
    src_cid_number: str = ""  # "": the extension's own number
    dest_cid_name: str = ""
    # a hotline of the domain's; "" or any other number: the one that is called by
    dest_cid_number: str = ""
    auto_answer: bool = False
    hotline: str = ""  # "": the one to be shown, else the extension's or the domain's default
    customer_id: str = ""
    wait_answer: bool = False  # the outcome comes when the extension has answered, or has not


class Outcome(msgspec.Struct, frozen=True):
    """`error` is "" for success, else the code of an errors.TongdaiError; `call_id` None when no
    call was placed, for certain.
    """

    call_id: UUID | None = None
    error: str = ""
    why: str = ""
    field: str = ""


Command = ClickToCall  # a union, once there are more
