"""A wheel carries the files that browsers get: they are built first. All else is in
pyproject.toml.
"""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPortal(build_py):
    """Fails if the files cannot be built."""

    def run(self) -> None:
        subprocess.run([sys.executable, Path(__file__).parent / "web" / "build.py"], check=True)
        super().run()


setup(cmdclass={"build_py": BuildWithPortal})
