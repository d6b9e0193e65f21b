import io
import tarfile

from nb_builder import artifacts


def uploaded(folder, lock):
    """Lay artifacts beside a repository as s2i does, and return the repository's folder."""
    (folder / "src").mkdir()
    (folder / "artifacts" / "build").mkdir(parents=True)
    (folder / "artifacts" / "build" / "requirements.lock").write_bytes(lock)
    return folder / "src"


def saved(app_root):
    stream = io.BytesIO()
    artifacts.save(app_root, stream)
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as tar:
        return tar.getnames()


def test_the_tar_holds_the_requirements_and_the_packages(tmp_path):
    (tmp_path / "build").mkdir()
    for name in ("requirements.txt", "requirements.lock", "model_script.py"):
        (tmp_path / "build" / name).write_text("six==1.17.0\n")
    assert saved(tmp_path) == ["build/requirements.txt", "build/requirements.lock"]


def test_there_is_a_tar_where_nothing_was_built(tmp_path):
    assert saved(tmp_path) == []


def test_the_packages_of_the_build_before_are_taken_and_the_artifacts_go(tmp_path):
    src = uploaded(tmp_path, b"six==1.17.0\ncloudpickle==3.1.2\n")
    assert artifacts.take(src, uploaded=src) == ["six==1.17.0", "cloudpickle==3.1.2"]
    assert not (tmp_path / "artifacts").exists()
    assert artifacts.take(src, uploaded=src) is None


def test_artifacts_that_can_not_be_read_count_as_not_there(tmp_path):
    src = uploaded(tmp_path, b"\xff\xfe")
    assert artifacts.take(src, uploaded=src) is None
    assert not (tmp_path / "artifacts").exists()


def test_a_folder_called_artifacts_beside_a_users_own_repository_is_left_alone(tmp_path):
    src = uploaded(tmp_path, b"six==1.17.0\n")
    assert artifacts.take(src) is None
    assert (tmp_path / "artifacts").exists()


def test_what_changed_since_the_build_before_is_said_in_one_line():
    said = artifacts.changes(["a==1", "b==1"], ["a==2", "b==1"])
    assert said == "since the build before: - a==1, + a==2"
    assert artifacts.changes(["a==1"], ["a==1"]) == "the same packages as in the build before"
