"""Which server is meant, and the API key for it: by options, the environment, or a profile."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tongdai.client.http import Refused

SERVER, API_KEY, PROFILE = "TONGDAI_SERVER", "TONGDAI_API_KEY", "TONGDAI_PROFILE"
DEFAULT = "default"


class Access(NamedTuple):
    """The URL of the API, without / at its end, and the API key."""

    server: str
    api_key: str


def path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file of profiles: a table for each, with `server` and `api_key`."""
    if os.name == "nt":
        folder = Path(environ.get("APPDATA") or "~/AppData/Roaming")
    else:
        folder = Path(environ.get("XDG_CONFIG_HOME") or "~/.config")
    return folder.expanduser() / "tongdai" / "profiles.toml"


def access(
    server: str = "",
    api_key: str = "",
    profile: str = "",
    environ: Mapping[str, str] = os.environ,
    *,
    use_default: bool = False,
) -> Access | None:
    """The server that is meant; None: this machine's. A given server or key precedes those of the
    environment, and these the profile's. `use_default`: the profile "default" is meant where
    nothing names one.

    Raises Refused for a profile that is not there, a URL that is none, or a missing key.
    """
    server, name = server or environ.get(SERVER, ""), profile or environ.get(PROFILE, "")
    known = _profile(name or DEFAULT, path(environ), is_named=bool(name))
    if not server and (name or use_default):
        server = known.get("server", "")
    if not server:
        return None
    if not server.startswith(("http://", "https://")):
        raise Refused(f"{server} is no URL: https://pbx.example.vn is one", code=2)
    api_key = api_key or environ.get(API_KEY, "")
    if not api_key and known.get("server", "").rstrip("/") == server.rstrip("/"):
        api_key = known.get("api_key", "")
    if not api_key:
        raise Refused(f"an API key for {server} is needed: {API_KEY}, or {path(environ)}", code=2)
    return Access(server.rstrip("/"), api_key)


def _profile(name: str, file: Path, *, is_named: bool) -> Mapping[str, str]:
    try:
        every = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        every = {}
    except (OSError, ValueError) as reason:
        raise Refused(f"{file} cannot be read: {reason}", code=2) from reason
    if is_named and name not in every:
        raise Refused(f"there is no profile {name} in {file}", code=2)
    found = every.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Refused(f"{file}: the profile {name} needs server and api_key", code=2)
    return found
