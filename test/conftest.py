"""What holds for every test: where CI is set, nothing may be left out in silence, and no example has a deadline."""

import os

import hypothesis
import pytest

# How long an example takes is the machine's business, and `make bench` measures it.
hypothesis.settings.register_profile("nb-builder", hypothesis.settings.get_profile("default"), deadline=None)
hypothesis.settings.load_profile("nb-builder")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a test that was left out into a failed one under CI, with the reason it gave."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"left out, which CI does not allow: {report.longrepr[2]}"
    return report
