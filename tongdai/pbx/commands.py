"""Commands that an API user may give about live calls, and their outcomes."""

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
    """`error` is "" for success, else the code of an errors.TongdaiError; `why` a key of
    tongdai.messages, or a text; `call_id` None when no call was placed, for certain.
    """

    call_id: UUID | None = None
    error: str = ""
    why: str = ""
    field: str = ""


Command = ClickToCall  # a union, once there are more


class Asker(msgspec.Struct, frozen=True):
    """The API request that waits for the outcome of a command. `command_uuid`: the row of table
    commands that the outcome is written to; None for a request in the engine's own process.
    """

    command_uuid: UUID | None = None
    wait_answer: bool = False  # the outcome is due when the extension has answered, or has not


class Answer(msgspec.Struct, frozen=True):
    """The outcome of the command that asked for the call `call_uuid` (which may not exist)."""

    domain_uuid: UUID
    call_uuid: UUID
    command_uuid: UUID | None
    outcome: Outcome
