"""The comparison of calls runs, and counts one offer, one answer and one connection."""

from bench import call
from bench.around import Around
from bench.figures import rows


async def test_a_visit_of_the_comparison_has_its_figures_beside_a_plain_pairs() -> None:
    found = await call.compare(Around("", "", ()), 1, 1)
    figures = {each.figure: each for each in rows(found)}
    first = figures["first picture on both sides, worst, s"]
    assert first.floor is not None
    assert first.ratio == first.ours / first.floor
    for counted in ("offers", "answers"):
        assert figures[f"{counted} a visit of two, most"].ours == 1
    assert figures["connections a page, most"].ours == 1
    assert figures["visits that came to no picture"].ours == 0
