"""A multi-tenant cloud PBX with a CRM integration API, on Asterisk and PostgreSQL."""

import zoneinfo

__version__: str

# One time zone database, whatever this machine has: that of the package tzdata, which is locked.
zoneinfo.reset_tzpath(())


def __getattr__(name: str) -> str:
    """__version__, found when somebody asks: looking for it takes a tenth of a command's start."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("tongdai")
    except PackageNotFoundError:  # run from a checkout
        return "0.2.0"
