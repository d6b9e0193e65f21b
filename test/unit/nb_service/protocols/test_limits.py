import pytest
from nb_service import settings
from nb_service.malformed import Malformed
from nb_service.protocols import limits
from nb_service.protocols.limits import Limits


def test_the_limits_of_a_service_without_settings_are_the_settings_own():
    read = settings.Settings({})
    assert (read.max_samples, read.max_body) == limits.DEFAULT


@pytest.mark.parametrize(("count", "each", "words"), [(6, 0, "5 samples (S2I_MAX_SAMPLES)"), (5, 17, "S2I_MAX_BODY")])
def test_what_is_too_much_names_its_setting(count, each, words):
    with pytest.raises(Malformed) as rejected:
        Limits(samples=5, body=10).check_rows(count, each)
    assert words in str(rejected.value)
    assert rejected.value.status == 413


def test_what_the_limits_say_is_still_taken():
    Limits(samples=5, body=10).check_rows(5, 16)
