"""Asking the services, by the pages' own module: whatever comes back is an answer or a refusal."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

MODULE = Path(__file__).parents[2] / "frontend" / "server.js"
ASKED = """
const { askOnce, Refused } = await import(process.argv[1]);
const told = await askOnce('POST', process.argv[2]).catch((error) => {
  if (!(error instanceof Refused)) throw error;
  return { code: error.code, status: error.status };
});
console.log(JSON.stringify(told));
"""


async def _half(request: web.Request) -> web.StreamResponse:
    """The connection breaks amid the answer."""
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b'{"renew_at": ')
    assert request.transport is not None
    request.transport.close()
    return answer


async def _login(_: web.Request) -> web.Response:
    """The page of a network that wants a login first."""
    return web.Response(text="<h1>Log in</h1>", content_type="text/html")


async def _whole(_: web.Request) -> web.Response:
    return web.json_response({"renew_at": "soon"})


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    app = web.Application()
    for name, answer in (("half", _half), ("login", _login), ("whole", _whole)):
        app.router.add_post(f"/{name}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def _asked(address: str) -> object:
    node = await asyncio.create_subprocess_exec(
        "node",
        *("--input-type=module", "--eval", ASKED, MODULE.as_uri(), address),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await node.communicate()
    assert node.returncode == 0
    return json.loads(said)


@pytest.mark.parametrize("answer", ["half", "login"])
async def test_an_answer_that_cannot_be_read_counts_as_none(
    url: str, answer: str
) -> None:
    assert await _asked(f"{url}/{answer}") == {"code": "unreachable", "status": 0}


async def test_a_whole_answer_is_read(url: str) -> None:
    assert await _asked(f"{url}/whole") == {"renew_at": "soon"}
