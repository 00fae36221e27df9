from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dev.persons import CHECK_CHARACTERS
from services.identity.national_id import NationalId, NotAPersonalCode, read

LONG_AFTER = date(2099, 12, 31)
SIGNS = {18: "+", 19: "-YXWVU", 20: "ABCDEF"}


def code(born: date, sign: str, number: int) -> str:
    digits = f"{born:%d%m}{born.year % 100:02}{number:03}"
    check = CHECK_CHARACTERS[int(digits) % 31]
    return f"{digits[:6]}{sign}{digits[6:]}{check}"


def reading(
    text: str, today: date = LONG_AFTER, *, test_persons: bool = False
) -> NationalId:
    return read(SecretStr(text), today, test_persons=test_persons)


def digits_from(zero: str) -> dict[int, int]:
    """The same digits of another script."""
    return {ord("0") + each: ord(zero) + each for each in range(10)}


births = st.dates(date(1800, 1, 1), date(2099, 12, 31))
numbers = st.integers(2, 899)


@st.composite
def codes(draw: st.DrawFn) -> tuple[str, date]:
    born = draw(births)
    sign = draw(st.sampled_from(SIGNS[born.year // 100]))
    return code(born, sign, draw(numbers)), born


@given(codes())
def test_every_century_sign_tells_its_birth_date(told: tuple[str, date]) -> None:
    text, born = told
    assert reading(text).birth_date == born


@given(codes())
def test_however_it_is_written_it_becomes_the_one_canonical_form(
    told: tuple[str, date],
) -> None:
    text, _ = told
    wide = text.translate(digits_from("\N{FULLWIDTH DIGIT ZERO}"))
    for written in (text.lower(), f"  {text} ", text.replace("-", "\u2212"), wide):
        assert reading(written).text == text


@given(codes(), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(
    told: tuple[str, date], at: int, off: int
) -> None:
    text, _ = told
    at = at if text[at].isdigit() else at + 1
    wrong = str((int(text[at]) + off) % 10) if text[at].isdigit() else "!"
    with pytest.raises(NotAPersonalCode):
        reading(text[:at] + wrong + text[at + 1 :])


@given(births, numbers)
def test_two_people_may_differ_in_the_sign_alone(born: date, number: int) -> None:
    signs = SIGNS[born.year // 100]
    people = {reading(code(born, sign, number)) for sign in signs}
    assert len(people) == len(signs)


@given(births, st.integers(900, 999))
def test_a_temporary_number_is_nobody_unless_tests_are_allowed(
    born: date, number: int
) -> None:
    text = code(born, SIGNS[born.year // 100][0], number)
    assert reading(text, test_persons=True).birth_date == born
    with pytest.raises(NotAPersonalCode):
        reading(text)


@given(births.filter(lambda born: born.year > 1800), numbers)
def test_nobody_is_born_tomorrow(born: date, number: int) -> None:
    text = code(born, SIGNS[born.year // 100][0], number)
    assert reading(text, today=born)
    with pytest.raises(NotAPersonalCode):
        reading(text, today=born - timedelta(days=1))


@given(st.text())
def test_nonsense_is_refused_and_never_more_than_refused(text: str) -> None:
    with pytest.raises(NotAPersonalCode):
        reading(text)


@pytest.mark.parametrize(
    "text",
    [
        "131052-308U",  # another check character
        "131052-001F",  # numbers begin at 002
        "310252-308T",  # 31 February
        "131052G308T",  # no such sign
        "131052-308",  # too short
        "131052-308T".translate(digits_from("\N{ARABIC-INDIC DIGIT ZERO}")),
    ],
)
def test_what_is_not_a_code_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(NotAPersonalCode) as refused:
        reading(text)
    assert text not in repr(refused.value)
    assert refused.value.__cause__ is None


def test_a_code_does_not_print() -> None:
    assert "131052" not in repr(reading("131052-308T"))
