"""Which Pythons of a machine are found, and which one comes first."""

from nb_builder.common import python_places


def fake(folder, minor):
    folder.mkdir(parents=True)
    (folder / f"python{minor}").touch()


def test_the_newest_patch_release_is_used_and_links_are_resolved(tmp_path):
    place = tmp_path / ".local/share/uv/python"
    for release in ("3.12.1", "3.12.16", "3.12.9"):
        fake(place / f"cpython-{release}-linux-x86_64-gnu" / "bin", "3.12")
    (place / "cpython-3.12-linux-x86_64-gnu").symlink_to(place / "cpython-3.12.1-linux-x86_64-gnu")
    fake(place / "cpython-3.12.20+freethreaded-linux-x86_64-gnu" / "bin", "3.12")
    found = [path for path in python_places.candidates({"HOME": str(tmp_path)}) if path.is_relative_to(tmp_path)]
    assert [path.relative_to(place).parts[0] for path in found] == [
        f"cpython-{release}-linux-x86_64-gnu" for release in ("3.12.16", "3.12.9", "3.12.1")
    ]


def test_on_macos_homebrew_and_the_framework_are_searched(tmp_path, monkeypatch):
    fake(tmp_path / "opt/python@3.12/bin", "3.12")
    fake(tmp_path / "Versions/3.13/bin", "3.13")
    fake(tmp_path / "brew", "3.11")
    places = ((f"{tmp_path}/brew", ""), (f"{tmp_path}/opt", "python@*/bin"), (f"{tmp_path}/Versions", "*/bin"))
    monkeypatch.setattr(python_places, "_MAC", places)
    found = python_places.candidates({"HOME": str(tmp_path)}, "darwin")
    assert [path.name for path in found if path.is_relative_to(tmp_path)] == ["python3.11", "python3.12", "python3.13"]
    assert [path for path in found if str(path).startswith("/usr/bin")] == []


def test_a_folder_that_this_user_may_not_read_has_no_pythons(tmp_path, monkeypatch):
    def reject(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(python_places.os, "listdir", reject)
    assert python_places.candidates({"HOME": str(tmp_path), "PATH": str(tmp_path)}) == []
