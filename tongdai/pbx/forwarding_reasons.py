"""The settings by which an extension forwards its calls, and the reasons that calls keep of it."""

from typing import Literal, get_args

Setting = Literal["forward_always", "forward_busy", "forward_no_answer", "forward_unreachable"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)
"""Fields of an extension."""


def reason(setting: Setting, extension: str) -> str:
    """The reason of a call that the extension has forwarded: forward_busy:101."""
    return f"{setting}:{extension}"


def last(reasons: tuple[str, ...], extension: str) -> str:
    """The setting by which the extension forwarded the call last; "" for none."""
    for each in reversed(reasons):
        setting, _, who = each.partition(":")
        if who == extension:
            return setting
    return ""
