"""What compose would find on a new machine: secrets and an .env, made for these tests."""

import pytest

from deploy.prepare import prepare
from tests.deploy.manifests import Prepared


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("prepared")
    made = Prepared(folder / ".secrets", folder / ".env")
    prepare(made.secrets, made.env)
    return made
