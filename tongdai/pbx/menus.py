"""Menus: the number that pressed keys lead to. A menu without keys is an announcement."""

from collections.abc import Collection

from tongdai.pbx.directory import Directory, Menu

MOST_HOPS = 20
"""Menus that a call may pass: they may lead to each other in a ring."""
TOO_MANY = "too_many_menus"
"""A reason: the call has passed so many."""
_MENU = "menu"


def target(menu: Menu, keys: str, directory: Directory) -> str:
    """The number that the keys lead to; "" for none."""
    if menu.direct_dialling and keys in directory.extensions:
        return keys
    return menu.choices.get(keys, "")


def is_asking(menu: Menu) -> bool:
    """Whether it waits for keys."""
    return bool(menu.keys) or menu.direct_dialling


def begins_number(menu: Menu, directory: Directory) -> str:
    """The keys after which more of them may follow: those that begin an extension."""
    if not menu.direct_dialling:
        return ""
    return "".join(sorted({extension[0] for extension in directory.extensions}))


def longest(directory: Directory) -> int:
    """Digits of the longest extension."""
    return max(map(len, directory.extensions), default=0)


def files(menu: Menu, directory: Directory, *, is_wrong: bool = False) -> tuple[str, ...]:
    """The files of the prompts that its callers hear, by their names on the switch; `is_wrong`:
    after a key that leads nowhere.
    """
    names = (menu.invalid_prompt, menu.prompt) if is_wrong else (menu.prompt,)
    known = (directory.prompt(name) for name in names)
    return tuple(prompt.file for prompt in known if prompt)


def reason(menu: str, what: str) -> str:
    """A reason of `routed_by`: the menu, and the keys pressed there; "none" for no keys in time,
    "played" for an announcement.
    """
    return f"{_MENU}:{menu}:{what}"


def hops(reasons: Collection[str]) -> int:
    """How many menus these reasons tell of."""
    return sum(one.startswith(f"{_MENU}:") for one in reasons)
