"""The comparison runs, counts, and finds ours dearer than the floor."""

import json

from bench import mail
from bench.__main__ import write
from bench.around import Around
from bench.figures import as_json, as_table, rows
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses

SIZE = 12


async def test_every_patient_of_the_comparison_gets_one_e_mail_and_it_has_a_ratio(
    postgres: postgreses.Server, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    around = Around(postgres.admin, kafka.servers, (postgres.version, kafka.kind))
    found = await mail.compare(around, SIZE, 1)

    figures = {each.figure: each for each in rows(found)}
    speed = figures["mails a second"]
    assert speed.floor is not None
    assert speed.ratio == speed.ours / speed.floor
    assert figures["first mail after, s"].floor is None
    table = as_table(found, around.versions)
    assert kafka.kind in table
    assert "| mails a second |" in table
    assert json.loads(json.dumps(as_json(found, around.versions)))["name"] == "mail"
    page = write("before <!-- mail -->old<!-- /mail --> after", found, table)
    assert page.startswith("before <!-- mail -->\n**12 bookings at once.**")
    assert page.endswith("<!-- /mail --> after")
