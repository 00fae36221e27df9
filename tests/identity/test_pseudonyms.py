from datetime import date
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.identity.national_id import NationalId, read
from services.identity.pseudonyms import Pseudonyms
from tests.identity.people import ADULT, STRANGER, TODAY

OLD, NEW, PERSON = (SecretStr(letter * 32) for letter in "onp")


def who(text: str) -> NationalId:
    return read(SecretStr(text), TODAY, test_persons=True)


def test_a_digest_is_recognised_by_the_key_that_made_it_and_by_no_other() -> None:
    kept = Pseudonyms(OLD, None, PERSON).digest(who(ADULT))
    assert kept in Pseudonyms(OLD, None, PERSON).digests(who(ADULT))
    assert kept not in Pseudonyms(OLD, None, PERSON).digests(who(STRANGER))
    assert kept not in Pseudonyms(NEW, None, PERSON).digests(who(ADULT))


def test_a_digest_by_the_key_before_is_still_recognised() -> None:
    kept = Pseudonyms(OLD, None, PERSON).digest(who(ADULT))
    after = Pseudonyms(NEW, OLD, PERSON)
    assert kept in after.digests(who(ADULT))
    assert after.digest(who(ADULT)) != kept


def test_a_person_has_another_id_in_each_appointment_and_under_each_key() -> None:
    pseudonyms = Pseudonyms(OLD, None, PERSON)
    digest = pseudonyms.digest(who(ADULT))
    ids = {
        pseudonyms.person_id("a-1", digest),
        pseudonyms.person_id("a-2", digest),
        pseudonyms.person_id("a-1", pseudonyms.digest(who(STRANGER))),
        Pseudonyms(OLD, None, NEW).person_id("a-1", digest),
    }
    assert len(ids) == 4
    assert pseudonyms.person_id("a-1", digest) in ids


@given(st.text(min_size=1, max_size=64))
def test_an_id_is_a_uuid_of_our_own_making(appointment_id: str) -> None:
    pseudonyms = Pseudonyms(OLD, None, PERSON)
    made = pseudonyms.person_id(appointment_id, pseudonyms.digest(who(ADULT)))
    assert (made.version, made.variant) == (8, RFC_4122)


def test_neither_digest_nor_code_prints() -> None:
    digest = Pseudonyms(OLD, None, PERSON).digest(who(ADULT))
    assert digest.value.hex() not in repr(digest)
    assert date(1961, 3, 14) == who(ADULT).birth_date
    assert ADULT not in repr(who(ADULT))
