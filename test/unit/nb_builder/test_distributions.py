"""The line that a user is told to add must name what can be installed."""

import pytest
from nb_builder.distributions import providing


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("sklearn", "scikit-learn"), ("cv2", "opencv-python-headless"), ("yaml", "pyyaml"), ("numpy", "numpy")],
)
def test_a_module_is_provided_by(module, distribution):
    assert providing(module) == distribution
