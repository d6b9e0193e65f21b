"""What holds for every test: one that lacks something is skipped and listed at the end, or fails where CI is set.

And what several workers need (pytest-xdist): a folder that they share, and one worker for all that a case is asked.
"""

import gc
import os
import signal

import hypothesis
import pytest

import commands
import core
import shared
import skipped
import times
from cases import Case
from engine import provide

# Files and tests that take longest, so that none of them stands alone at the end. The first makes the builder image,
# for which the others in test/image would wait: builds on this machine have their turn meanwhile.
MAX_LENGTH = (
    "image/test_point_a_configuration.py::test_point_1_",
    "docs/test_commands.py::test_the_commands",
    "flow/test_make_run.py",
    "flow/test_conformance.py",
    "flow/test_check.py",
    "image/test_openshift.py",
    "[ok-original-post]",
    "image/test_pages.py",
    "image/test_slim_notebooks.py",
    "image/test_compilers.py",
    "image/test_clouds.py",
    "image/test_bookworm.py",
    "image/test_slim_builds.py",
    "image/test_cases.py",
    "flow/test_requirements.py",
)
# Before the conftest of a folder is read: it may need the run's name.
shared.claim()
RUN = pytest.StashKey[shared.Run]()
# Shells and nohup let what runs in the background ignore Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The make that runs the tests passes its options, such as -i and -j, to every make that a test runs.
for inherited in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(inherited, None)

# How long an example takes is the machine's business, and `make bench` measures it.
# Random examples find faults that a change did not make, so only `make test-long` draws new ones at each run.
hypothesis.settings.register_profile(
    "nb-builder",
    hypothesis.settings.get_profile("default"),
    deadline=None,
    derandomize="NB_RANDOM_EXAMPLES" not in os.environ,
)
hypothesis.settings.load_profile("nb-builder")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Skip a test that lacks something, and fail each skipped one under CI, with its reason."""
    report = yield
    lack = call.excinfo.value if call.excinfo else None
    if isinstance(lack, provide.Missing):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1], str(lack))
        # What the workers of pytest-xdist send to the first process.
        report.lack = [lack.what, lack.fix]
    if report.skipped and provide.required() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is not allowed here: {report.longrepr[2]}"
    return report


def pytest_collection():
    """Collect no garbage while objects are created that all stay."""
    gc.disable()


def pytest_collection_finish():
    """Leave out of later garbage collections what stays until the end: the tests and all modules."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Note what each test costs, for `make test-times`."""
    with times.measured(shared.folder(), item.nodeid):
        return (yield)


def pytest_configure(config):
    """Begin a run: workers find what their controller has started."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = shared.Run(lambda line: _speak(config, line))


def pytest_unconfigure(config):
    """End the run that this process has started."""
    if RUN in config.stash:
        times.merge(shared.folder())
        config.stash[RUN].end()


def pytest_terminal_summary(terminalreporter, config):
    """Print the sizes that tests noted, and as the last lines what was skipped, with the command that provides it."""
    for line in config.stash[RUN].notes:
        terminalreporter.write_line(line)
    lacks = [_lack(report) for report in terminalreporter.stats.get("skipped", [])]
    skipped.record(lacks)
    for line in skipped.table(lacks):
        terminalreporter.write_line(line)


def _lack(report):
    """Return what a skipped test lacks and what provides it; the text of pytest's own skips is both."""
    return tuple(getattr(report, "lack", (report.longrepr[2].removeprefix("Skipped: "), "")))


def _speak(config, line):
    """Show changes to this machine as they happen, even if no test fails."""
    config.pluginmanager.getplugin("terminalreporter").write_line(f"\n{line}")


# Before pytest-xdist's own, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give all that is asked of a case to one worker, which then builds it once; begin with what takes longest."""
    for item in items:
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        if isinstance(case, Case) and {"built", "outcomes"} & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name} {case.name}"))
        if not core.has(item.nodeid):
            item.add_marker(pytest.mark.rest)
    items.sort(key=_turn)


def _turn(item):
    """Return the place of a test among LONGEST; what is not there keeps its order behind them."""
    return next((turn for turn, words in enumerate(MAX_LENGTH) if words in item.nodeid), len(MAX_LENGTH))


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """Return a clone of this repository as the reader of a page has it."""
    return commands.clone(tmp_path_factory.mktemp("reader"))
