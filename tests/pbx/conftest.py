"""Properties are tried with the same examples in every run, and none has to be quick: machines differ."""

from hypothesis import settings

settings.register_profile("pbx", derandomize=True, deadline=None)


def pytest_configure() -> None:
    settings.load_profile("pbx")
