"""What must not be in the image, and how large it may be."""

import pytest

import shared
from cases import named
from engine import docker
from engine.s2i import must
from image import repos

OURS = "/opt/nb-builder /opt/app-root /usr/libexec/s2i"


def root(image, script):
    """Return the lines that a shell script prints when root runs it in `image`."""
    return docker.shell(image, script, "--user", "0").splitlines()


@pytest.mark.parametrize("program", ["gcc", "cc", "make", "pip", "pip3", "git", "curl", "wget"])
def test_no_compiler_installer_or_downloader_is_there(builder, program):
    assert docker.docker("run", "--rm", builder, "sh", "-c", f"command -v {program}", ok=False).stdout == ""


def test_nothing_of_ours_is_setuid_or_open_to_the_world(builder, workbench):
    for image in (builder, workbench):
        assert root(image, f"find {OURS} -perm /6000 -o ! -type l -perm /002") == []


def test_our_own_code_belongs_to_root_and_can_not_be_changed_by_the_user(builder):
    assert root(builder, "find /opt/nb-builder /usr/libexec/s2i ! -user 0 -o ! -type l -perm /022") == []


def test_no_caches_lists_or_bundles_stay_behind(builder):
    places = "/var/lib/apt/lists /var/cache/apt /root /tmp /opt/app-root"
    assert root(builder, f"find {places} -type f ! -name '.*rc' ! -name .profile") == []
    assert root(builder, "find / -xdev -name 'ca-bundle.crt*' -o -xdev -name '*.whl' -not -path '*/virtualenv/*'") == []


def test_our_modules_are_compiled(builder):
    for package in ("/opt/nb-builder/service", "/opt/nb-builder/app-skeleton", "/opt/nb-builder/s2i"):
        # What no service imports stays as source (nb_builder.image_trim).
        uncompiled = "-not -path '*/cffi/*' -not -path '*/pycparser/*'"
        sources = root(builder, f"find {package} -name '*.py' -not -path '*/bin/*' {uncompiled}")
        compiled = root(builder, f"find {package} -name '*.pyc'")
        assert len(sources) == len(compiled) > 0


@pytest.mark.parametrize("name", ["ok-magics", "ok-plots-and-widgets", "fail-cell-failed"])
def test_what_a_build_imports_is_compiled(builder, name):
    # Python writes what is missing, where it may: root.
    count = "find /opt/nb-builder -name '*.pyc' | sort"
    script = f"{count} > /tmp/before; /usr/libexec/s2i/assemble > /tmp/log; {count} | comm -13 /tmp/before -"
    repository = ("--volume", f"{named(name).repo}:/tmp/src:ro", "--workdir", "/")
    assert docker.shell(builder, script, "--user", "0", *repository) == ""


def test_a_start_and_a_prediction_compile_nothing(example):
    # Python writes what is missing, where it may: root.
    with docker.service(example, "--user", "0") as service:
        assert service.predict(b"[0.2, 0.7]").status == 200
        assert service.get("/docs").status == 200
        assert service.exec("find", "/", "-xdev", "-name", "*.pyc", "-newer", "/proc/1") == ""


def test_what_lies_in_several_of_our_environments_weighs_once(builder):
    twice = root(builder, "cd /opt/nb-builder/overlay/3* && find . -name '*.pyc' -links 1 | cut -d/ -f2 | sort -u")
    assert set(twice) <= {"__pycache__", "comm", "ipykernel"}


def test_licences_of_debian_s_packages_are_kept_and_no_other_documents(builder):
    held = root(builder, "find /usr/share/doc -type f")
    assert {"/usr/share/doc/python3/copyright", "/usr/share/doc/ca-certificates/copyright"} <= set(held)
    assert [path for path in held if not path.endswith("/copyright")] == []


def test_a_build_leaves_nothing_next_to_its_app_root(workbench):
    begun = "/opt/app-root/build/requirements_script.py"
    new = root(workbench, f"find /tmp /var /opt/nb-builder /root /usr -xdev -type f -newer {begun}")
    assert [path for path in new if path != "/tmp/.s2i/image_metadata.json"] == []
    assert root(workbench, "find /tmp/src /tmp/artifacts /opt/app-root/src/.git -type f 2>/dev/null || true") == []


def test_the_service_environment_has_nothing_of_jupyter(builder):
    held = " ".join(root(builder, "ls /opt/nb-builder/service/lib/python3*/site-packages")).lower()
    assert "waitress" in held
    assert [
        name for name in ("ipython", "jupyter", "nbconvert", "nbformat", "zmq", "tornado", "pip") if name in held
    ] == []


def test_the_notebooks_environment_has_its_requirements_and_cloudpickle_only(workbench):
    held = root(workbench, "cd /opt/app-root/venv/lib/python3*/site-packages && ls -d *.dist-info")
    assert [name.split("-")[0] for name in held] == ["cloudpickle"]


def test_the_builder_image_is_small_enough(builder):
    weight = docker.weight(builder, repos.FIRST_STEP)
    shared.note(f"builder image {builder}: {weight} (ours at most 152)")
    assert weight.ours <= 152


def test_the_image_of_the_running_example_is_small_enough_and_answers(example):
    weight = docker.weight(example, repos.FIRST_STEP)
    shared.note(f"image of the running example: {weight} (ours at most 410)")
    assert weight.ours <= 410
    with docker.service(example) as service:
        assert service.predict(b"[0.2, 0.7]").value in range(7)


@pytest.mark.xdist_group("image ok-numpy-answers")
def test_numpy_answers_come_from_a_small_venv(built):
    case = named("ok-numpy-answers")
    shared.note(f"image of {case.name}: {docker.megabytes(must(built.build_once(case)).image)} MB")
