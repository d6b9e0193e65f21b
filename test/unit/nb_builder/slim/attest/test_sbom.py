"""The software bill of materials: names, versions, licences and purls of what is in the tree, reproducibly."""

import json
from email.message import Message

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from nb_builder.common import dpkg
from nb_builder.slim.attest import sbom


class Fields(Message):
    """Fields as importlib.metadata of Python 3.15 gives them: one that is missing is an error."""

    def __getitem__(self, name):
        if name not in self:
            raise KeyError(name)
        return super().__getitem__(name)


def metadata(**fields):
    """Return a distribution's metadata with these fields."""
    message = Fields()
    for name, value in {"Name": "Scikit_Learn", "Version": "1.7.2", **fields}.items():
        for text in [value] if isinstance(value, str) else value:
            message[name.replace("_", "-")] = text
    return message


def test_a_distribution_has_a_purl_by_its_normal_name():
    component = sbom.distribution(metadata())
    assert (component["name"], component["version"], component["purl"]) == (
        "scikit-learn",
        "1.7.2",
        "pkg:pypi/scikit-learn@1.7.2",
    )


def test_what_did_not_come_from_the_index_does_not_say_so():
    assert sbom.distribution(metadata(), from_index=False)["purl"] == "pkg:generic/scikit-learn@1.7.2"


def test_a_licence_is_the_expression_else_the_authors_words_else_a_classifier():
    assert sbom.licence_of(metadata(License_Expression="BSD-3-Clause")) == {"expression": "BSD-3-Clause"}
    assert sbom.licence_of(metadata(License="BSD")) == {"license": {"name": "BSD"}}
    classified = metadata(License="UNKNOWN", Classifier=["Topic :: X", "License :: OSI Approved :: MIT License"])
    assert sbom.licence_of(classified) == {"license": {"name": "MIT License"}}
    assert sbom.licence_of(metadata(License="Copyright\nall of the text")) is None


def test_a_debian_package_has_a_purl_with_its_architecture_and_release():
    package = dpkg.Package("libstdc++6", "1:12.2.0-14", "amd64", "gcc-12", "")
    component = sbom.package(package, {"ID": "debian", "VERSION_ID": "12"})
    assert component["purl"] == "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14?arch=amd64&distro=debian-12"


def test_the_same_content_is_the_same_text_and_another_content_another_number():
    service = {"type": "application", "bom-ref": "service", "name": "model"}
    one, other = sbom.distribution(metadata()), sbom.distribution(metadata(Name="numpy"))
    assert sbom.text([one], service, 5) == sbom.text([one], service, 5)
    numbers = {json.loads(sbom.text([component], service, 5))["serialNumber"] for component in (one, other)}
    assert len(numbers) == 2
    assert json.loads(sbom.text([one], service, 5))["metadata"]["timestamp"] == "1970-01-01T00:00:05Z"


def test_the_bill_is_valid_by_the_schema_of_cyclonedx():
    package = dpkg.Package("libstdc++6", "1:12.2.0-14", "amd64", "gcc-12", "")
    components = [
        sbom.distribution(metadata(License_Expression="BSD-3-Clause")),
        sbom.distribution(metadata(Name="six", License="MIT")),
        sbom.package(package, {}),
    ]
    service = {"type": "application", "bom-ref": "service", "name": "model", "version": "1"}
    bill = sbom.text(components, service, 5)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
