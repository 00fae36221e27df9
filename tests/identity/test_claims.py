"""From a provider's claims to a person."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import PatientIdentified
from services.identity.domain import IdentificationFailed
from services.identity.suomifi_oidc import ClaimMap, person
from tests.identity.people import ADULT, TEN

TELIA = ClaimMap("urn:oid:1.2.246.21", ("first", "sur"), "born")
OP = ClaimMap("personal_identity_code", ("name",), "birthdate")


def test_each_broker_has_its_own_names_for_the_same() -> None:
    told = person(
        {"urn:oid:1.2.246.21": ADULT, "first": "Testi Maija", "sur": "Testinen"}, TELIA
    )
    assert told.name.get_secret_value() == "Testi Maija Testinen"
    assert told.birth_date is None
    said = {
        "personal_identity_code": ADULT,
        "name": "Testi T",
        "birthdate": "1961-03-14",
    }
    assert person(said, OP).birth_date == date(1961, 3, 14)


@given(st.text(max_size=500), st.text(max_size=500), st.text(max_size=300))
def test_any_name_and_level_fit_into_the_event(first: str, sur: str, acr: str) -> None:
    told = person({"first": first, "sur": sur, "acr": acr}, TELIA)
    said = PatientIdentified(
        appointment_id="a-1",
        person_id="8f4c1c1e-6b7a-5d55-9b56-3c2f0e4f7a10",
        role="patient",
        name=told.name,
        birth_year=1961,
        method=told.method,
        at=TEN,
    )
    assert said.name.get_secret_value().isprintable()


@pytest.mark.parametrize("claim", [None, 7, ["131052-308T"], {}])
def test_what_is_not_a_text_is_no_code(claim: object) -> None:
    assert person({"urn:oid:1.2.246.21": claim}, TELIA).national_id is None


@pytest.mark.parametrize("claim", ["1961", 1961, ["1961-03-14"], "14.3.1961"])
def test_a_birth_date_that_is_none_is_a_failure(claim: object) -> None:
    with pytest.raises(IdentificationFailed):
        person({"born": claim}, TELIA)


def test_a_person_does_not_print() -> None:
    told = person(
        {"urn:oid:1.2.246.21": ADULT, "sur": "Testinen", "born": "1961-03-14"}, TELIA
    )
    for personal in (ADULT, "Testinen", "1961"):
        assert personal not in repr(told)
