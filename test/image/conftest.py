"""What image tests share: an engine, the builder image, s2i, and the images that s2i made of the fixtures."""

import os
import re
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from cases import Case
from engine import bases, daemon, docker, provide, s2i_tool, slim
from engine.s2i import Built, S2i, git_repository, must
from image import repos

# Set by who has an image already; without it the tests make one from this checkout.
GIVEN = os.environ.get("IMAGE_NAME")
BUILDER = GIVEN or "nb-builder-candidate"
# Other runs may use the same engine.
APPS = f"nb-test-{os.getpid()}"


def pytest_configure(config):
    """Know the mark of the tests that make a builder image on another base."""
    config.addinivalue_line("markers", "other_base: makes its own builder image on another base image")


@pytest.fixture(scope="session", autouse=True)
def _heard(request):
    """Show what is done to this machine while it is done, and not only where a test fails."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def speak(line):
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", flush=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provide, "speak", speak)
        yield


def pytest_collection_modifyitems(config, items):
    """With IMAGE_NAME, leave the other base image's tests out of sight: they are about another image."""
    if GIVEN:
        others = [item for item in items if item.get_closest_marker("other_base")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Give all that is left out one place, so that pytest tells of it in one line and not in one a test."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def engine(_heard):
    """Start or find a container engine; where there is none, leave out or fail, and say what to install."""
    started = daemon.running()
    try:
        host = started.__enter__()
    except provide.Missing as lack:
        _leave_out(lack)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        yield host
        _remove_images()
    started.__exit__(None, None, None)


@pytest.fixture(scope="session")
def builder(engine):
    """Return the name of the builder image."""
    return GIVEN or make_builder(BUILDER, "bookworm")


@pytest.fixture(scope="session")
def s2i(builder):
    """Return the real s2i, with the builder image that it uses."""
    return S2i(or_leave_out(s2i_tool.program), builder)


@pytest.fixture(scope="session")
def built(request, s2i, tmp_path_factory):
    """Return what s2i made of each fixture that a selected test asks for, built two at a time."""
    selected = {item.callspec.params["case"].name: item.callspec.params["case"] for item in _with_case(request)}
    made = Builds(s2i, tmp_path_factory.mktemp("repositories"), list(selected.values()))
    yield made
    made.close()


@pytest.fixture(scope="session")
def workbench(s2i, tmp_path_factory):
    """Return the image of the notebook in `repos.WORKBENCH`, whose predictor does what a sample asks."""
    source = repos.write(tmp_path_factory.mktemp("workbench") / "repo", repos.WORKBENCH)
    return must(s2i.build(git_repository(source, source), f"{APPS}-workbench", env={"GREETING": "a=b, c"})).image


@pytest.fixture(scope="session")
def slim_workbench(workbench):
    """Return the slim image of the workbench, and what its build printed."""
    return slim.must(slim.make(workbench, f"{APPS}-slim"))


@pytest.fixture(scope="session")
def example(s2i, tmp_path_factory):
    """Return the image of the running example."""
    source = git_repository(provide.ROOT / "docs" / "examples" / "kmeans", tmp_path_factory.mktemp("example") / "repo")
    return must(s2i.build(source, f"{APPS}-example")).image


@pytest.fixture
def tag(request):
    """Return a name for an image that this test makes; it is removed at the end."""
    name = f"{APPS}-{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')}"
    yield name
    docker.docker("image", "rm", "--force", name, ok=False)


class Builds:
    """The outcome of s2i for each case, worked out once."""

    def __init__(self, s2i: S2i, folder: Path, cases: list[Case]):
        """Begin with all of `cases` at once."""
        self.s2i, self.folder = s2i, folder
        self.pool = ThreadPoolExecutor(2)
        self.futures: dict[str, Future] = {case.name: self.pool.submit(self._build, case) for case in cases}

    def of(self, case: Case) -> Built:
        """Return what s2i did with the case; one that has not begun yet is built at once."""
        future = self.futures.get(case.name)
        if future is None or future.cancel():
            future = self.futures[case.name] = Future()
            future.set_result(self._build(case))
        return future.result()

    def close(self) -> None:
        """Forget what has not begun, and wait for the rest."""
        self.pool.shutdown(cancel_futures=True)

    def _build(self, case: Case) -> Built:
        image = f"{APPS}-{case.name}"
        if case.disk:
            return _on_small_disk(self.s2i.builder, case, image)
        return self.s2i.build(git_repository(case.repo, self.folder / case.name), image, env=case.env)


def make_builder(name: str, suite: str, *words: str) -> str:
    """Return `name`, after making it as users do: with make, on the base image of `suite`; `words` go to make."""
    base = or_leave_out(lambda: bases.base(suite))
    provide.say(f"make build IMAGE_NAME={name} BASE_IMAGE={base}")
    command = ["make", "build", f"IMAGE_NAME={name}", f"BASE_IMAGE={base}", *words]
    done = subprocess.run(command, cwd=provide.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return name


def _on_small_disk(builder: str, case: Case, image: str) -> Built:
    """Run assemble where APP_ROOT has little room: s2i itself can't limit that."""
    disk = ("--tmpfs", f"/opt/app-root:size={case.disk},mode=0775,uid=1001,gid=0,exec")
    settings = [word for key, value in case.env.items() for word in ("--env", f"{key}={value}")]
    source = ("--volume", f"{case.repo}:/tmp/src:ro", "--workdir", "/")
    done = docker.docker("run", "--rm", *disk, *source, *settings, builder, "/usr/libexec/s2i/assemble", ok=False)
    return Built(image, done.returncode, done.stdout + done.stderr)


def or_leave_out(provider):
    """Return what `provider` does; where that is Missing, leave the test out, or fail where none may be left out."""
    try:
        return provider()
    except provide.Missing as lack:
        _leave_out(lack)


def _leave_out(lack: provide.Missing) -> None:
    words = f"left out the image tests (test/image): {lack}"
    if provide.required():
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


def _with_case(request) -> list[pytest.Item]:
    return [item for item in request.session.items if hasattr(item, "callspec") and "case" in item.callspec.params]


def _remove_images() -> None:
    listed = docker.docker("image", "ls", "--format", "{{.Repository}}", f"{APPS}-*").stdout.split()
    if listed:
        docker.docker("image", "rm", "--force", *listed, ok=False)
    # Without a name are also the stages of images that others build right now.
    docker.docker("image", "prune", "--force", "--filter", "until=2h", ok=False)


def pytest_terminal_summary(terminalreporter):
    """Print the sizes that the tests noted: they are promises too, but no test's business to bound twice."""
    for line in repos.NOTES:
        terminalreporter.write_line(line)
