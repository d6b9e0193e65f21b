"""A user's Python whose packages are metadata alone."""

import sys

import pytest

# {name of the metadata's folder: {file: text}}
INSTALLED = {
    "numpy-2.2.6.dist-info": {"top_level.txt": "numpy\n"},
    "pandas-2.2.3.dist-info": {"RECORD": "pandas/__init__.py,,\n", "METADATA+": "Requires-Dist: numpy>=1.22"},
    "PyYAML-6.0.2.dist-info": {"top_level.txt": "_yaml\nyaml\n"},
    "scikit_learn-1.7.2.dist-info": {"RECORD": "sklearn/__init__.py,,\n../../bin/x,,\n", "name": "scikit-learn"},
    "beautifulsoup4-4.13.4.dist-info": {"RECORD": '"bs4/__init__.py",sha256=x,1\n'},
    "pillow-11.3.0.dist-info": {"RECORD": "PIL/__init__.py,,\nPIL/_imaging.cpython-311-x86_64-linux-gnu.so,,\n"},
    "opencv_contrib_python-4.12.0.dist-info": {"RECORD": "cv2/__init__.py,,\n", "name": "opencv-contrib-python"},
    "opencv_python_headless-4.11.0.dist-info": {"RECORD": "cv2/__init__.py,,\n", "name": "opencv-python-headless"},
    "google_cloud_storage-3.1.0.dist-info": {
        "RECORD": "google/cloud/storage/__init__.py,,\n",
        "name": "google-cloud-storage",
    },
    "google_api_core-2.25.0.dist-info": {"RECORD": "google/api_core/__init__.py,,\n", "name": "google-api-core"},
    "torch-2.4.0+cu121.dist-info": {"top_level.txt": "torch\n", "version": "2.4.0+cu121"},
    "cars-1.0.dist-info": {
        "top_level.txt": "cars\n",
        "direct_url.json": '{"url": "https://me:secret@host/cars", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
    },
    "tools-0.1.dist-info": {
        "RECORD": "__editable__.tools-0.1.pth,,\n",
        "direct_url.json": '{"url": "file:///home/me/tools", "dir_info": {"editable": true}}',
    },
    "old-1.2.egg-info": {"PKG-INFO": "Name: old\nVersion: 1.2\n", "top_level.txt": "old_way\n"},
}


@pytest.fixture
def environment(tmp_path):
    """Return a folder like that of a virtual environment, in which INSTALLED is installed."""
    site = tmp_path / "venv" / "site"
    for folder, files in INSTALLED.items():
        (site / folder).mkdir(parents=True)
        name, version = folder.rpartition(".")[0].split("-")
        reported = {"name": name, "version": version, "METADATA+": "", **files}
        if folder.endswith(".dist-info"):
            text = f"Metadata-Version: 2.1\nName: {reported['name']}\nVersion: {reported['version']}\n"
            text += f"{reported['METADATA+']}\n"
            (site / folder / "METADATA").write_text(text)
        for file, text in files.items():
            if file not in ("name", "version", "METADATA+"):
                (site / folder / file).write_text(text)
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir()
    # A start-up file of a package may print something.
    python.write_text(f'#!/bin/sh\necho hello\nPYTHONPATH="{site}" exec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    return tmp_path / "venv"
