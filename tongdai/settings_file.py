"""Settings in files, so that each shell and each command knows them: `<data>/settings`, and for
the whole machine /etc/tongdai.env. Lines are `TONGDAI_HTTP=0.0.0.0:8080`, as systemd's
EnvironmentFile and container tools read them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tongdai import errors

NAME = "settings"  # in the data folder
SYSTEM = Path("/etc/tongdai.env")
_DATA = "TONGDAI_DATA"


def environment(
    environ: Mapping[str, str] = os.environ, *, default_data: str = "data", system: Path = SYSTEM
) -> dict[str, str]:
    """The variables of the environment, and below them those of the data folder's file, and below
    them those of the machine's. The data folder itself cannot be named by its own file.

    Raises errors.SetupError naming a file that cannot be read, or a line that is no variable.
    """
    machine = read(system)
    given = {name: value for name, value in environ.items() if value != ""}
    own = read(Path((machine | given).get(_DATA, default_data)) / NAME)
    own.pop(_DATA, None)
    return machine | own | given


def read(path: Path) -> dict[str, str]:
    """The variables of a file; none if there is no such file. Raises errors.SetupError."""
    try:
        if not path.exists():
            return {}
        import dotenv  # noqa: PLC0415  most commands find no file, and it takes long

        found = dotenv.dotenv_values(path, interpolate=False, encoding="utf-8")
        wrong = [name for name, value in found.items() if value is None]
    except (OSError, UnicodeDecodeError) as reason:
        raise errors.SetupError(f"{path} cannot be read: {reason}") from reason
    if wrong:
        raise errors.SetupError(f"{path}: {wrong[0]} is no VARIABLE=value")
    return {name: value for name, value in found.items() if value is not None}
