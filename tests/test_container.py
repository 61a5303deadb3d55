"""deploy/Containerfile and compose.yaml: what they copy is enough, and what they run exists. No
image is built here: that takes a container engine and images of others.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tongdai import settings
from tongdai.asterisk import packages
from tongdai.cli import COMMANDS

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", "")
STEPS = [
    (words[0], words[1])
    for line in RECIPE.splitlines()
    if line.strip() and not line.startswith("#")
    for words in [line.split(maxsplit=1)]
]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with what the recipe copies, as far as the repository has it under version
    control, and nothing else; and the Python packages of these tests.
    """
    for copied in of("COPY"):
        *sources, target = copied.split()
        for source in sources:
            there, here = ROOT / source, tmp_path / target / ("" if target != "./" else source)
            if there.is_dir():
                shutil.copytree(
                    there, here, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
                )
            else:
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(there, here)
    return tmp_path


def run(image: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {name: one for name, one in os.environ.items() if not name.startswith("TONGDAI_")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=image,
        env={**environ, "PYTHONPATH": str(image), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_copied_is_enough(image: Path) -> None:
    """Every module is found, and every setting of the image is one."""
    environ = dict(part.split("=", 1) for part in " ".join(of("ENV")).split())
    assert settings.load(environ).http == "0.0.0.0:8080"
    modules = (
        "import tongdai.app, tongdai.api.guides, tongdai.cli.running; print(tongdai.__path__)"
    )
    found = run(image, "-c", modules)
    assert found.returncode == 0, found.stderr
    assert str(image) in found.stdout
    assert run(image, "-m", "tongdai", "config", "--json").returncode == 0


def test_the_guides_are_served_from_what_is_copied(image: Path) -> None:
    listed = run(image, "-c", "from tongdai.api import guides; print(*guides._files())")
    assert listed.returncode == 0, listed.stderr
    for language in ("en", "vi"):
        assert f"integration.{language}.md" in listed.stdout


def test_asterisk_is_fetched_by_what_there_is() -> None:
    [code] = re.findall(r'python -c "(from pathlib[^"]*)"', RECIPE)
    compile(code, "Containerfile", "exec")
    assert callable(packages.asterisk)
    assert "packages.asterisk(Path('/var/cache/tongdai')" in code


def test_programs_of_the_recipe_are_in_the_image() -> None:
    [entry], [command] = of("ENTRYPOINT"), of("CMD")[-1:]
    assert entry == '["/usr/local/bin/tongdai"]'
    assert "ln -s /opt/tongdai/bin/tongdai /usr/local/bin/tongdai" in RECIPE
    assert command.strip('[]"') in COMMANDS
    assert os.access(ROOT / "bin" / "setup", os.X_OK)
    assert os.access(ROOT / "bin" / "tongdai", os.X_OK)


def test_compose_names_files_that_exist() -> None:
    [service] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"].values()
    deploy = ROOT / "deploy"
    assert (deploy / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).exists()
    assert (deploy / service["env_file"]).exists()
    assert "data:/var/lib/tongdai" in service["volumes"]
    assert of("VOLUME") == ["/var/lib/tongdai"]
