"""The five services, put together and not started."""

from collections.abc import Mapping

import pytest
from aiohttp import web

from contract.catalogue import SERVICES
from dev.suite import Surroundings, assembled


@pytest.fixture(scope="session")
def applications() -> Mapping[str, web.Application]:
    """The services as they stand before anything around them is there."""
    nowhere = {
        service: f"postgresql://{service}@127.0.0.1/none" for service in SERVICES
    }
    around = Surroundings(
        url="https://videomottagning.example",
        idp_url="https://idp.example",
        kafka="127.0.0.1:1",
        smtp_url="smtp://127.0.0.1:1",
        databases=nowhere,
    )
    return assembled(around)
