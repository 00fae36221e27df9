from aiohttp.test_utils import TestClient, TestServer

from chassis.health import operations


async def test_live_while_it_runs_and_ready_while_it_takes_work() -> None:
    ready = [False]
    async with TestClient(TestServer(operations(lambda: ready[0]))) as client:
        assert (await client.get("/live")).status == 200
        assert (await client.get("/ready")).status == 503
        ready[0] = True
        assert (await client.get("/ready")).status == 200
        ready[0] = False
        assert (await client.get("/ready")).status == 503
        assert (await client.get("/live")).status == 200


async def test_metrics_are_in_prometheus_own_form() -> None:
    async with TestClient(TestServer(operations(lambda: True))) as client:
        answer = await client.get("/metrics")
        assert answer.content_type == "text/plain"
        assert "# TYPE chassis_outbox_oldest_seconds gauge" in await answer.text()
