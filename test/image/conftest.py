"""What image tests share: an engine, the builder image, s2i, and the images that s2i made of the fixtures."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import shared
from cases import Case
from engine import bases, docker, keeper, provide, s2i_tool, slim
from engine.s2i import Built, S2i, git_repository, must
from image import repos

# Set by who has an image already; without it the tests make one from this checkout.
GIVEN = os.environ.get("IMAGE_NAME")
# Other runs may use the same engine; the workers of this one share what each of them makes.
APPS = shared.name()
BROKERS = """
FROM {base}
RUN apt-get -o Acquire::Retries=5 update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends \\
        mosquitto mosquitto-clients nats-server redis-server
"""


def pytest_configure(config):
    """Know the mark of the tests that make another builder image."""
    config.addinivalue_line("markers", "other_base: makes its own builder image, on another base or with more in it")


def pytest_collection_modifyitems(config, items):
    """With IMAGE_NAME, leave the tests of other builder images out of sight: they are not about that one."""
    if GIVEN:
        others = [item for item in items if item.get_closest_marker("other_base")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def engine():
    """Start or find a container engine, and return what keeper.engine() does."""
    found = keeper.engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", found.host)
        patch.setenv("PATH", found.path)
        yield found


@pytest.fixture(scope="session")
def builder(engine):
    """Return the name of the builder image."""
    return GIVEN or make_builder("builder", bases.MAIN)


@pytest.fixture(scope="session")
def builder_with_more(engine):
    """Return a builder image with all that can be added: a build for each addition would take minutes."""
    return make_builder(
        "with-more", bases.MAIN, "COMPILERS=1", "APT=git", "OTEL=1", "BATCH=1", "GRPC=1", "BUS=nats,redis,mqtt"
    )


@pytest.fixture(scope="session")
def s2i(builder):
    """Return the real s2i, with the builder image that it uses."""
    return S2i(s2i_tool.program(), builder)


@pytest.fixture(scope="session")
def built(s2i, tmp_path_factory):
    """Return what s2i makes of each fixture that a test of this worker asks for."""
    return Builds(s2i, tmp_path_factory.mktemp("repositories"))


@pytest.fixture(scope="session")
def build_once(s2i, tmp_path_factory):
    """Return what has s2i build a repository, and returns the image: one for all workers."""

    def build(name: str, source: Path, env: dict[str, str] | None = None) -> str:
        folder = tmp_path_factory.mktemp(name) / "repo"
        image = f"{APPS}-{name}"
        return shared.once(name, lambda: must(s2i.build(git_repository(source, folder), image, env=env)).image)

    return build


@pytest.fixture(scope="session")
def workbench(build_once, tmp_path_factory):
    """Return the image of the notebook in `repos.WORKBENCH`, whose predictor does what a sample asks."""
    source = repos.write(tmp_path_factory.mktemp("workbench") / "source", repos.WORKBENCH)
    return build_once("workbench", source, {"GREETING": "a=b, c"})


@pytest.fixture(scope="session")
def slim_workbench(workbench):
    """Return the slim image of the workbench, and what its build printed."""
    return slim_once(workbench)


@pytest.fixture(scope="session")
def example(build_once):
    """Return the image of the running example."""
    return build_once("example", provide.ROOT / "docs" / "examples" / "kmeans")


@pytest.fixture(scope="session")
def broker_image(engine):
    """Return the name of an image with Debian's brokers: those of the network are not reachable everywhere."""
    base = shared.once(f"base-{bases.MAIN}", lambda: bases.base(bases.MAIN))
    name = f"{APPS}-brokers"

    def make():
        docker.docker("build", "--tag", name, "-", stdin=BROKERS.format(base=base).encode())
        return name

    return shared.once("brokers", make)


@pytest.fixture(scope="session")
def bus_example(builder_with_more, tmp_path_factory):
    """Return the image of the running example, made by a builder that has clients of NATS and Redis."""
    source = git_repository(provide.ROOT / "docs/examples/kmeans", tmp_path_factory.mktemp("bus") / "repo")
    s2i = S2i(s2i_tool.program(), builder_with_more)
    return shared.once("bus-example", lambda: must(s2i.build(source, f"{APPS}-bus-example")).image)


@pytest.fixture
def tag(request):
    """Return a name for an image that this test makes; it is removed at the end."""
    name = f"{APPS}-{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')}"
    yield name
    docker.docker("image", "rm", "--force", name, ok=False)


class Builds:
    """The outcome of s2i for each case, worked out once in a worker; a case's tests are all run by the same."""

    def __init__(self, s2i: S2i, folder: Path):
        """Begin with nothing built."""
        self.s2i, self.folder = s2i, folder
        self.done: dict[str, Built] = {}

    def build_once(self, case: Case) -> Built:
        """Return what s2i did with the case."""
        if case.name not in self.done:
            self.done[case.name] = self._build(case)
        return self.done[case.name]

    def _build(self, case: Case) -> Built:
        image = f"{APPS}-{case.name}"
        if case.disk:
            return _on_small_disk(self.s2i.builder, case, image)
        return self.s2i.build(git_repository(case.repo, self.folder / case.name), image, env=case.env)


def make_builder(kind: str, suite: str, *arguments: str, architecture: str = "") -> str:
    """Return the name of a builder image, made as users do: with make, on the base image of `suite`.

    All workers share the one of a kind; `arguments` go to make. `architecture` is another one than the machine's.
    """
    name = f"{APPS}-{kind}"

    def make() -> str:
        base = shared.once(f"base-{suite}{architecture}", lambda: bases.base(suite, architecture))
        provide.say(f"make builder IMAGE_NAME={name} BASE_IMAGE={base} {' '.join(arguments)}")
        command = ["make", "builder", f"IMAGE_NAME={name}", f"BASE_IMAGE={base}", *arguments]
        done = subprocess.run(command, cwd=provide.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        return name

    return shared.once(kind, make)


def nb_builder(*arguments: str) -> str:
    """Return the stdout of the command `nb-builder`, which must succeed."""
    done = subprocess.run([provide.ROOT / "s2i/nb-builder", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


def environments_with(package: str, image: str) -> list[str]:
    """Return the names of the environments of ours in a builder image that have a package."""
    look = f"ls -d /opt/nb-builder/*/lib/python3*/site-packages/{package} 2>/dev/null || true"
    return [path.split("/")[3] for path in docker.shell(image, look, "--user", "0").split()]


def slim_once(service: str, *arguments: str) -> slim.Made:
    """Return the slim image of a service image, made once for the same settings and all workers."""
    name = re.sub(r"[^a-z0-9]+", "-", "-".join([service, "slim", *arguments]).lower()).strip("-")
    return shared.once(name, lambda: slim.must(slim.make(service, name, *arguments)))


def _on_small_disk(builder: str, case: Case, image: str) -> Built:
    """Run assemble where APP_ROOT has little room: s2i itself can't limit that."""
    disk = ("--tmpfs", f"/opt/app-root:size={case.disk},mode=0775,uid=1001,gid=0,exec")
    settings = [word for key, value in case.env.items() for word in ("--env", f"{key}={value}")]
    source = ("--volume", f"{case.repo}:/tmp/src:ro", "--workdir", "/")
    done = docker.docker("run", "--rm", *disk, *source, *settings, builder, "/usr/libexec/s2i/assemble", ok=False)
    return Built(image, done.returncode, done.stdout + done.stderr)
