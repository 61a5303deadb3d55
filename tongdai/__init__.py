"""A multi-tenant cloud PBX with a CRM integration API, on Asterisk and PostgreSQL."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tongdai")
except PackageNotFoundError:  # run from a checkout
    __version__ = "0.1.0"
