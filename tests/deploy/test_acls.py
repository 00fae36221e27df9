"""Who may read what in Kafka."""

from contract.catalogue import BOOKING_SYSTEM, CATALOGUE, SERVICES, parked
from deploy import acls


def test_the_page_is_fresh() -> None:
    assert acls.PAGE.read_text("utf-8") == acls.page()


def test_what_is_personal_is_read_by_its_hearers_alone() -> None:
    for entry in CATALOGUE:
        if entry.personal:
            readers = {
                each.client for each in acls.rights() if entry.event.topic in each.reads
            }
            assert readers == set(entry.hearers)


def test_a_topic_is_written_by_its_speaker_alone() -> None:
    for entry in CATALOGUE:
        writers = [
            each.client for each in acls.rights() if entry.event.topic in each.writes
        ]
        assert writers == [entry.speaker]


def test_what_a_service_parks_is_nobody_elses() -> None:
    for service in SERVICES:
        users = {
            each.client
            for each in acls.rights()
            if parked(service) in each.reads + each.writes
        }
        assert users == {service}


def test_a_booking_system_hears_back_and_reads_no_patient() -> None:
    (booking,) = (each for each in acls.rights() if each.client == BOOKING_SYSTEM)
    assert set(booking.reads) == {
        "invitation.sent",
        "invitation.failed",
        "appointment.delayed",
        "appointment.missed",
        "appointment.unserved",
        "call.ended",
    }
