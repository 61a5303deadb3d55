"""Programs of others for users of an API (testbed/clients.py), and what they are used on."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from testbed import clients
from testbed.clients import Programs
from testbed.company import Office
from testbed.instance import Instance
from tongdai import api
from tongdai.api import openapi
from tongdai.store import db

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def node() -> Programs:
    return clients.node()


@pytest.fixture(scope="session")
def generator() -> Programs:
    return clients.generator()


@pytest.fixture
def workshop(node: Programs, tmp_path: Path) -> Path:
    """A folder in which Node.js finds the packages."""
    (tmp_path / "node_modules").symlink_to(node.folder / "node_modules")
    return tmp_path


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The OpenAPI document as a file."""
    described: Any = openapi.document(api.OPERATIONS, "https://pbx.example.vn")
    (tmp_path / "openapi.json").write_bytes(msgspec.json.encode(described))
    return tmp_path / "openapi.json"


@pytest.fixture
async def demo(pbx: Instance) -> dict[str, str]:
    """The demo company's API, as variables of a client's environment."""
    admin = pbx.ready["admin"]
    return {
        "API": pbx.ready["base_url"],
        "USERNAME": admin["username"],
        "PASSWORD": admin["password"],
    }


@pytest.fixture
async def written(office: Office) -> db.Database:
    """The instance's database."""
    return office.database
