"""The files of prompts in a folder from which Asterisk plays them: two WAV files each, and
`music.conf`, which `musiconhold.conf` includes, with a class of hold music for each prompt.

A file never changes: other sound has other names. So what is being played goes on.
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from tongdai import files
from tongdai.pbx.directory import Prompt, music_class

CONF = "music.conf"
RELOAD_URI = "asterisk/modules/res_musiconhold.so"
LOW, HIGH = ".wav", ".wav16"
"""The endings by which Asterisk knows WAV files of 8 and of 16 kHz."""
_OURS = re.compile(rf"([0-9a-f]{{32}}-[0-9a-f]{{16}})({LOW}|{HIGH})".replace(".", r"\."))
_READABLE = 0o644  # Asterisk may run as another user


def missing(folder: Path, wanted: Iterable[Prompt]) -> list[Prompt]:
    """The prompts without both files."""
    there = {path.name for path in folder.iterdir()}
    return [one for one in wanted if not {one.file + LOW, one.file + HIGH} <= there]


def is_there(folder: Path, file: str) -> bool:
    """Whether the switch can play the file."""
    return (folder / f"{file}{LOW}").is_file()


def write(folder: Path, prompt: Prompt, sound: tuple[bytes, bytes]) -> None:
    """The prompt has its files of 8 and of 16 kHz, whole. Raises OSError."""
    for ending, content in zip((LOW, HIGH), sound, strict=True):
        files.write(folder / f"{prompt.file}{ending}", content, mode=_READABLE)


def write_classes(folder: Path, wanted: Iterable[Prompt]) -> bool:
    """`music.conf` has the classes of these prompts and no others. Returns whether it was another
    before. Raises OSError.
    """
    path, text = folder / CONF, _classes(folder, wanted)
    if path.exists() and path.read_text() == text:
        return False
    files.write(path, text, mode=_READABLE)
    return True


def _classes(folder: Path, wanted: Iterable[Prompt]) -> str:
    lines = ["; Written by tongdai when a prompt comes or goes."]
    for prompt in wanted:
        lines += [
            f"[{music_class(prompt.prompt_uuid)}]",
            "mode = playlist",
            f"entry = {folder / prompt.file}",
        ]
    return "\n".join([*lines, ""])


def sweep(folder: Path, kept: Collection[Prompt]) -> None:
    """No files are left but those of these prompts. Raises OSError."""
    names = {prompt.file for prompt in kept}
    for path in folder.iterdir():
        if (ours := _OURS.fullmatch(path.name)) and ours[1] not in names:
            path.unlink(missing_ok=True)
