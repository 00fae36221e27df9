"""The identity provider and the telephone of dev/ in a container, for compose's profile `dev`. Never in production.

It is told where browsers and identity reach it, and where identity publishes its keys.
"""

from aiohttp import web
from pydantic import Field, HttpUrl
from pydantic_settings import BaseSettings

from chassis import logs
from chassis.clock import now
from chassis.settings import read
from dev.idp.app import application, staff_issuer, suomifi_issuer
from dev.idp.issuers import Client
from dev.texts import Texts

PORT = 9000


class SimulatorSettings(BaseSettings):
    idp_url: str = Field(description="Where browsers and identity reach it.")
    public_url: HttpUrl = Field(description="The one origin that browsers see.")
    client_keys_url: str = Field(description="Identity's keys as a client.")
    oidc_client_id: str
    staff_oidc_client_id: str


def assemble(settings: SimulatorSettings) -> web.Application:
    base = str(settings.public_url).rstrip("/")

    def client(name: str, callback: str) -> Client:
        return Client(name, f"{base}{callback}", settings.client_keys_url)

    visits = client(settings.oidc_client_id, "/identity/callback")
    staff = client(settings.staff_oidc_client_id, "/identity/staff/callback")
    app = application(
        (
            suomifi_issuer(settings.idp_url, visits),
            staff_issuer(settings.idp_url, staff),
        )
    )
    texts = Texts(now)
    app.router.add_post("/sms", texts.take)
    app.router.add_get("/texts", texts.page)
    app.router.add_get("/api/v1/texts", texts.list)
    return app


if __name__ == "__main__":
    logs.set_up("INFO")
    web.run_app(assemble(read(SimulatorSettings)), port=PORT, access_log=None)
