"""Exact versions, and requirements that can't be met at once."""

import pytest
from nb_builder.requirements import pins
from packaging.requirements import Requirement


@pytest.mark.parametrize(
    ("text", "version"),
    [("a==1.0", "1.0"), ("a===1.0", "1.0"), ("a>0,==1.0", "1.0"), ("a==1.*", ""), ("a~=1.0", ""), ("a", "")],
)
def test_an_exact_version_is_found(text, version):
    assert pins.exact_version(Requirement(text)) == version


@pytest.mark.parametrize(
    ("one", "other", "is_conflict"),
    [
        ("six==1.16; python_version < '3.14'", "six==1.17; python_version >= '3.14'", False),
        ("six==1.16; python_version < '3.14'", "six==1.17; python_version < '3.14'", True),
        ("a==1", "a==2", True),
        ("A_b==1", "a-b>1", True),
        ("a>1", "a==1", True),
        ("a==2rc1", "a>1", False),
        ("a==1", "b==2", False),
        ("a<1", "a>1", False),
        ("a==1.*", "a==2", True),
        ("a==1", "a>1,<3", True),
        ("a==1", "a==1.*", False),
        ("a==1.*", "a==2.*", False),
        ("a<3,==1", "a>0", False),
        pytest.param(f"a==1.{'1' * 5000}", "a>1", False, id="long pin"),
        pytest.param("a==1", f"a>{'1' * 5000}", False, id="long limit"),
    ],
)
def test_requirements_conflict_if_one_pins_what_the_other_excludes(one, other, is_conflict):
    assert pins.conflict(Requirement(one), Requirement(other)) is is_conflict
