"""Telephone numbers as people write them, to the one form that a gateway takes."""

import phonenumbers
from pydantic import SecretStr


def e164(number: SecretStr | None, country: str) -> SecretStr | None:
    """Nothing when nobody can be reached there. `country` is where a number without its
    own is from (ISO 3166)."""
    if number is None:
        return None
    try:
        parsed = phonenumbers.parse(number.get_secret_value(), country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return SecretStr(
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    )
