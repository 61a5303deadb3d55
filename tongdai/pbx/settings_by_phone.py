"""The settings that an extension changes by a feature code."""

from tongdai.pbx import causes
from tongdai.pbx.actions import Setting
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.directory import Directory, Override
from tongdai.pbx.feature_codes import Dialled, Feature
from tongdai.pbx.forwarding_reasons import SETTINGS

_OVERRIDES: dict[Feature, Override] = {
    "hours_by_plan": "",
    "hours_open": "open",
    "hours_closed": "closed",
}


def setting(dialled: Dialled, extension: str, directory: Directory) -> Setting | ReleaseCause:
    """The change that the extension asks for, or why it is refused. Whether it may call the number
    that it forwards to is not looked at.
    """
    feature = dialled.feature
    if feature in _OVERRIDES:
        return _override(_OVERRIDES[feature], dialled.argument, directory)
    name, is_on = feature.removesuffix("_off"), not feature.endswith("_off")
    if name == "do_not_disturb":
        return Setting("extension", extension, {name: is_on})
    if name in SETTINGS:
        return Setting("extension", extension, {name: dialled.argument})
    return causes.ABSENT  # it takes a call over, and there is none


def _override(wanted: Override, hotline: str, directory: Directory) -> Setting | ReleaseCause:
    """Of the hotline's hours plan; without a hotline, of the only plan of the domain."""
    known = directory.hotline(hotline) if hotline else None
    name = known.hours if known else None
    if not hotline and len(directory.hours_plans) == 1:
        (name,) = directory.hours_plans
    if name is None:
        return causes.UNALLOCATED
    return Setting("hours_plan", name, {"override": wanted, "override_until": None})
