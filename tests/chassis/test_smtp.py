"""What a mail server answers, in our words. The rest is tested where mail is sent."""

import pytest

from chassis.outcome import NotNow, Reason
from chassis.smtp import outcome


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (550, "5.1.1 no such user", Reason.ADDRESS_REFUSED),
        (550, "no such user", Reason.ADDRESS_REFUSED),
        (552, "5.2.2 full", Reason.MAILBOX_FULL),
        (550, "5.7.1 policy", Reason.MESSAGE_REFUSED),
        (554, "no", Reason.MESSAGE_REFUSED),
        (501, "syntax", Reason.ADDRESS_REFUSED),
        (571, "something new", Reason.MESSAGE_REFUSED),
    ],
)
def test_a_final_answer_has_a_reason_in_our_words(
    code: int, text: str, meaning: Reason
) -> None:
    never = outcome(code, text)
    assert getattr(never, "reason", None) is meaning


@pytest.mark.parametrize("code", [421, 450, 451, 452, 530, 535])
def test_an_answer_that_may_change_is_not_final(code: int) -> None:
    assert outcome(code, "later") == NotNow()
