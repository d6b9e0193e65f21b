"""One bundle for every tool."""

import pytest
from nb_builder.common import ca_bundle
from nb_scorer.common.problem import SettingInvalid


def test_every_tool_is_reported_the_same_file(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n")
    environ = ca_bundle.trusting(bundle, {"PIP_CERT": "/other", "X": "1"})
    assert environ == {"X": "1", **dict.fromkeys(ca_bundle.VARIABLES, str(bundle))}


def test_without_a_bundle_nothing_changes():
    assert ca_bundle.trusting(None, {"PIP_CERT": "/other"}) == {"PIP_CERT": "/other"}


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_rejected(tmp_path, content):
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(SettingInvalid, match="is not a readable file with certificates in PEM format"):
        ca_bundle.trusting(bundle, {})
