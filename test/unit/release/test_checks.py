"""What keeps a commit from being released, each fault in a repository of its own."""

import subprocess

import pytest

from release import checks

VERSION = "1.2.3"
CHANGELOG = f"""# Changelog

## [Unreleased]

## [{VERSION}] - 2026-11-23

### Added

- What is new.

## [1.2.2] - 2026-10-01

### Fixed

- What was wrong.
"""


@pytest.fixture
def root(tmp_path):
    """Return a repository that is ready."""
    for name in checks.PROJECTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'[project]\nname = "x"\nversion = "{VERSION}"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    model = tmp_path / "test" / "models" / VERSION / "pure-python" / "model"
    model.mkdir(parents=True)
    (model / "manifest.json").write_text("{}")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    git(tmp_path, "tag", f"v{VERSION}")
    return tmp_path


def git(root, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=root, check=True)


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x")


def after(root, file, old, new):
    """Change a file, and return the faults of the commit with that change."""
    path = root / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    commit(root)
    git(root, "tag", "--force", f"v{VERSION}")
    return checks.faults(root, VERSION)


def test_a_commit_that_is_ready(root):
    assert checks.faults(root, VERSION) == []


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3-rc1", "1.2.3\n"])
def test_what_is_no_version(root, version):
    (fault,) = checks.faults(root, version)
    assert fault.endswith("is no version\n  Fix: such as 1.2.3 or 1.2.3rc1")


def test_a_file_that_is_changed(root):
    (root / "CHANGELOG.md").write_text(CHANGELOG + "\n")
    assert checks.faults(root, VERSION) == ["Files are changed: CHANGELOG.md\n  Fix: commit them, and tag that commit"]


def test_no_tag(root):
    git(root, "tag", "--delete", f"v{VERSION}")
    assert checks.faults(root, VERSION) == ["There is no tag v1.2.3\n  Fix: git tag -s v1.2.3"]


def test_a_tag_of_another_commit(root):
    (root / "new").write_text("")
    commit(root)
    (fault,) = checks.faults(root, VERSION)
    assert fault.startswith("v1.2.3 is another commit, ")


@pytest.mark.parametrize("file", checks.PROJECTS)
def test_a_project_of_another_version(root, file):
    assert after(root, file, VERSION, "1.2.2") == [f"{file} has the version 1.2.2\n  Fix: set it to 1.2.3"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (f"## [{VERSION}] - 2026-11-23", "## [1.2.4] - 2026-11-23", "CHANGELOG.md says nothing of 1.2.3"),
        (" - 2026-11-23", "", "CHANGELOG.md has no date for 1.2.3"),
        ("- What is new.\n", "", "CHANGELOG.md has an empty section for 1.2.3"),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- More.\n", "CHANGELOG.md still has lines under Unreleased"),
    ],
    ids=["no section", "no date", "empty", "unreleased"],
)
def test_a_changelog_that_is_not_written(root, old, new, fault):
    (said,) = after(root, "CHANGELOG.md", old, new)
    assert said.partition("\n")[0] == fault


def test_no_models(root):
    git(root, "rm", "-r", "--quiet", "test/models")
    commit(root)
    git(root, "tag", "--force", f"v{VERSION}")
    (fault,) = checks.faults(root, VERSION)
    assert "make release-models VERSION=1.2.3" in fault
