import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from nb_scorer.model import manifest as manifests
from nb_service import model_folder, problems
from nb_service.backends.spark_model import SparkModel, archive, contents, layout


@pytest.fixture
def app_root(tmp_path):
    """Return what assemble leaves, with a little of all that a repository and an environment may have."""
    root = tmp_path / "app"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    (packages,) = (root / "venv").glob("lib/python*/site-packages")
    for path, text in {
        packages / "fine/__init__.py": "x = 1\n",
        packages / "fine/__pycache__/__init__.cpython-311.pyc": "old",
        packages / "fine/tool": "#!/bin/sh\n",
        root / "venv/share/fine.txt": "data",
        root / "model/manifest.json": "{}",
        root / "model/model.pickle": "pickle",
        root / "src/helper.py": "y = 2\n",
        root / "src/.git/config": "secret",
        root / "build/report.json": "{}",
        root / "build/kernel.log": "long",
        tmp_path / "elsewhere/data.csv": "1\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "src/empty").mkdir()
    (root / "src/again.py").symlink_to("helper.py")
    (root / "src/outside").symlink_to(tmp_path / "elsewhere")
    (root / "src/round").symlink_to(root / "src")
    (root / "src/nowhere").symlink_to("gone")
    (packages / "fine/tool").chmod(0o755)
    manifest = {"format": manifests.FORMAT, "notebook": "model.ipynb", "python": "3.11"}
    (root / "model/manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture
def found(app_root):
    """Return the contents of its archive."""
    return contents.list_contents(model_folder.read(app_root, None))


def _written(found) -> bytes:
    stream = io.BytesIO()
    assert archive.write(found, stream) == len(stream.getvalue())
    return stream.getvalue()


def test_it_has_our_packages_the_model_the_repository_and_the_environment(found):
    names = set(found.files)
    assert {"nb_scorer/worker/entry.py", "nb_service/pool/client.py", "nb_spark/__init__.py"} <= names
    under = {name.removeprefix("app-root/") for name in names if name.startswith(f"{layout.APP_ROOT}/")}
    mine = {name for name in under if not name.startswith(("venv/", "python/"))}
    assert mine == {
        "build/report.json", "model/manifest.json", "model/model.pickle", "src/helper.py", "src/outside/data.csv",
    }  # fmt: skip
    library = f"venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    assert {name for name in under if name.startswith("venv/")} == {
        f"{library}/fine/__init__.py", f"{library}/fine/tool", "venv/share/fine.txt",
    }  # fmt: skip


def test_what_a_zip_file_can_t_say_is_in_its_manifest(found):
    reported = found.manifest()
    links = {name: target for name, target in reported["links"].items() if "/src/" in name}
    assert links == {"app-root/src/again.py": "helper.py"}
    assert [name for name in reported["executables"] if "/venv/" in name] == [
        name for name in found.files if name.endswith("fine/tool")
    ]
    assert "app-root/src/empty" in reported["folders"]
    assert reported["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    is_system = sys.base_prefix in contents.SYSTEM
    assert bool(reported["interpreter"]) is not is_system
    assert (reported["interpreter"] in found.files) is not is_system


def test_the_same_contents_are_the_same_bytes_in_a_file_and_in_a_pipe(found, app_root, tmp_path):
    first = _written(found)
    for path in app_root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
    with open(tmp_path / "model.zip", "wb") as file:
        archive.write(contents.list_contents(model_folder.read(app_root, None)), file)
    assert (tmp_path / "model.zip").read_bytes() == first


def test_other_contents_are_other_bytes(found, app_root):
    first = _written(found)
    (app_root / "src/helper.py").write_text("y = 3\n")
    assert _written(found) != first


def test_it_is_a_sound_zip_file_whose_names_are_in_order(found):
    with zipfile.ZipFile(io.BytesIO(_written(found))) as read:
        assert read.testzip() is None
        first, *names = read.namelist()
        assert (first, names) == (layout.MANIFEST, sorted(found.files))
        assert json.loads(read.read(layout.MANIFEST)) == json.loads(json.dumps(found.manifest()))


def test_python_imports_from_it_as_it_is(found, tmp_path):
    (tmp_path / "model.zip").write_bytes(_written(found))
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'model.zip')!r}); import nb_spark; print(nb_spark.__file__)"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert "model.zip" in ran.stdout, ran.stderr


def test_help_is_all_that_is_said_on_stdout(capsys):
    assert SparkModel().take(["--help"]) is False
    assert capsys.readouterr().out.startswith("Usage: spark-model > model.zip\n")


def test_words_are_rejected():
    with pytest.raises(problems.SparkModelWords) as rejected:
        SparkModel().take(["model.zip"])
    assert rejected.value.what == "spark-model takes no arguments; got: model.zip."
    assert rejected.value.exit_status == 2


def test_a_terminal_gets_no_archive(monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 1)
    with pytest.raises(problems.SparkModelWords) as rejected:
        SparkModel().take([])
    assert "terminal" in rejected.value.what


def test_a_file_that_can_t_be_read_is_named(app_root, monkeypatch):
    def unreadable(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", unreadable)
    with pytest.raises(problems.Problem) as rejected:
        contents.list_contents(model_folder.read(app_root, None))
    assert "has no permission for" in rejected.value.what


def test_an_image_that_only_serves_says_so(app_root, monkeypatch):
    monkeypatch.setattr(contents, "find_spec", lambda name: None)
    with pytest.raises(problems.SparkModelWords, match="is not in this image, which can only serve"):
        contents.list_contents(model_folder.read(app_root, None))
