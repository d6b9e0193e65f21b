"""What holds for every test: where CI is set, nothing may be left out in silence, and no example has a deadline.

And what several workers need (pytest-xdist): a folder that they share, and one worker for all that a case is asked.
"""

import os
import re
from pathlib import Path

import hypothesis
import pytest

import commands
import shared
import times
from cases import Case

# Files and tests that take longest, so that none of them stands alone at the end. The first makes the builder image,
# for which those behind it in test/image would wait.
LONGEST = (
    "image/test_point_a_configuration.py::test_point_1_",
    "docs/test_commands.py::test_the_commands",
    "flow/test_make_run.py",
    "image/test_openshift.py",
    "[ok-original-post]",
    "image/test_pages.py",
    "image/test_slim_notebooks.py",
    "image/test_compilers.py",
    "image/test_clouds.py",
    "image/test_trixie.py",
    "image/test_slim_builds.py",
    "image/test_cases.py",
    "flow/test_requirements.py",
)
# More than so many that fail are no matter of how busy the machine is.
MOST_ONCE_MORE = 10
# The group that pytest-xdist adds to a test's name.
GROUP = re.compile(r"(::[^\[@]+(?:\[.*\])?)@[^\]]*$")
# Before the conftest of a folder is read: it may need the run's name.
shared.claim()
RUN = pytest.StashKey[shared.Run]()

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Note what each test costs, for `make test-times`."""
    with times.measured(shared.folder(), item.nodeid):
        return (yield)


def pytest_configure(config):
    """Begin a run: workers find what their controller has begun."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = shared.Run(lambda line: _speak(config, line))


def pytest_unconfigure(config):
    """End the run that this process has begun."""
    if RUN in config.stash:
        times.merge(shared.folder())
        config.stash[RUN].end()


def pytest_addoption(parser):
    """Add the option of test/run-once-more."""
    parser.addoption("--failures-to", metavar="FILE", type=Path, help="write the names of the tests that failed here")


def pytest_terminal_summary(terminalreporter, config):
    """Print what the tests noted: sizes are promises too, but no test's business to bound twice."""
    for line in config.stash[RUN].notes:
        terminalreporter.write_line(line)
    file = config.getoption("--failures-to")
    if file is not None:
        failures = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
        names = sorted({GROUP.sub(r"\1", name) for name in failures})
        file.write_text("".join(f"{name}\n" for name in names) if len(names) <= MOST_ONCE_MORE else "")


def _speak(config, line):
    """Show what is done to this machine while it is done, and not only where a test fails."""
    config.pluginmanager.getplugin("terminalreporter").write_line(f"\n{line}")


# Before pytest-xdist's own, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give all that is asked of a case to one worker, which then builds it once; begin with what takes longest."""
    for item in items:
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        if isinstance(case, Case) and {"built", "outcomes"} & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name} {case.name}"))
    items.sort(key=_turn)


def _turn(item):
    """Return the place of a test among LONGEST; what is not there keeps its order behind them."""
    return next((turn for turn, words in enumerate(LONGEST) if words in item.nodeid), len(LONGEST))


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """Return a clone of this repository as the reader of a page has it."""
    return commands.clone(tmp_path_factory.mktemp("reader"))
