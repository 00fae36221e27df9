"""The demo's and the tests' people and units, all made up and marked as such.

Personal identity codes are temporary ones (900 to 999), which no real person has.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from pydantic import SecretStr

# Source: Digital and Population Data Services Agency, the personal identity code.
CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
CENTURY_SIGNS = {18: "+", 19: "-", 20: "A"}
YEAR = 365.25


@dataclass(frozen=True)
class Person:
    """Somebody with bank credentials, or a child who may have none."""

    key: str
    first_names: str = field(repr=False)
    surname: str = field(repr=False)
    part: str  # what the person is there to show; a key of the pages' words
    language: str
    birth_date: date = field(repr=False)
    number: int = field(repr=False)
    guardian: "Person | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"{self.first_names} {self.surname}"

    @property
    def email(self) -> SecretStr:
        return SecretStr(f"{self.key}@example.com")

    @property
    def phone(self) -> SecretStr:
        """Only the demo's own gateway is ever asked to send there."""
        return SecretStr(f"+358412345{self.number:03}")

    @property
    def national_id(self) -> SecretStr:
        return SecretStr(personal_code(self.birth_date, self.number))


@dataclass(frozen=True)
class Unit:
    id: str
    sv: str
    fi: str
    en: str
    phone: str = "06 000 0000"  # nobody's
    url: str = "https://testby.example/kontakt"


@dataclass(frozen=True)
class Professional:
    """An employee; `id` is what the staff's identity provider calls them."""

    key: str
    id: str
    name: str
    units: tuple[Unit, ...]


FIRST_UNIT = Unit(
    "unit-1", "Testby hälsostation", "Testilän terveysasema", "Testby health centre"
)
SECOND_UNIT = Unit(
    "unit-2", "Testby tandklinik", "Testilän hammashoitola", "Testby dental clinic"
)

PROFESSIONALS = (
    Professional("professional", "p-1", "Testi-Läkare Testberg", (FIRST_UNIT,)),
    Professional("colleague", "p-2", "Testi-Hoitaja Testonen", (FIRST_UNIT,)),
    Professional("other-unit", "p-3", "Testi-Dentist Tester", (SECOND_UNIT,)),
)


def persons(today: date) -> tuple[Person, ...]:
    """Everybody, with the children's ages counted from `today`."""
    eight, thirteen = _aged(8, today), _aged(13, today)
    adult = date(1961, 3, 14)
    liisa = Person("guardian", "Testi-Liisa", "Testlund", "guardian", "sv", adult, 906)
    return (
        Person("sv", "Testi-Maja", "Testström", "patient", "sv", adult, 902),
        Person("fi", "Testi-Matti", "Testinen", "patient", "fi", adult, 903),
        Person("en", "Testi-Mary", "Testwood", "patient", "en", adult, 904),
        liisa,
        Person(
            "child-8", "Testi-Ville", "Testlund", "child_8", "sv", eight, 907, liisa
        ),
        Person(
            "child-13", "Testi-Elin", "Testlund", "child_13", "sv", thirteen, 908, liisa
        ),
        Person(
            "interpreter", "Testi-Tulkki", "Testman", "interpreter", "sv", adult, 910
        ),
        Person("stranger", "Testi-Vieras", "Testnen", "stranger", "fi", adult, 909),
    )


def person(key: str, today: date) -> Person:
    return next(each for each in persons(today) if each.key == key)


def professional(key: str) -> Professional:
    return next(each for each in PROFESSIONALS if each.key == key)


def personal_code(birth_date: date, number: int) -> str:
    """The code of the person with this number among those born that day."""
    day = f"{birth_date:%d%m%y}"
    check = CHECK_CHARACTERS[int(f"{day}{number:03}") % len(CHECK_CHARACTERS)]
    return f"{day}{CENTURY_SIGNS[birth_date.year // 100]}{number:03}{check}"


def _aged(years: int, today: date) -> date:
    """Born half a year earlier still, so that no test runs on a birthday."""
    return today - timedelta(days=round((years + 0.5) * YEAR))
