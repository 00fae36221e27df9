from aiohttp.test_utils import TestClient, TestServer

from chassis.health import operations


async def test_live_while_it_runs_and_ready_while_it_takes_work() -> None:
    in_the_way = ["starting"]
    async with TestClient(TestServer(operations(lambda: in_the_way))) as client:
        assert (await client.get("/live")).status == 200
        assert (await client.get("/ready")).status == 503
        in_the_way.clear()
        assert (await client.get("/ready")).status == 200
        in_the_way.append("background task keeps crashing: outbox-relay")
        answer = await client.get("/ready")
        assert answer.status == 503
        assert "outbox-relay" in await answer.text()
        assert (await client.get("/live")).status == 200


async def test_metrics_are_in_prometheus_own_form() -> None:
    async with TestClient(TestServer(operations(list))) as client:
        answer = await client.get("/metrics")
        assert answer.content_type == "text/plain"
        assert "# TYPE chassis_outbox_oldest_seconds gauge" in await answer.text()
