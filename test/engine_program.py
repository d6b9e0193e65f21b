"""A stand-in for the program docker, at the boundary where commands call it: images are folders, and nothing runs.

    folder/images/NAME.json     what `docker image inspect` says of an image, with "root", the folder of its files
    folder/calls                each call, a JSON list a line
    folder/second               what a container has in the place of its files once it was started

`cp` sends a folder or file as docker does: links as links. Unlike docker, it follows a link in the path to it even out
of the image.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HOME = "STAND_IN_HOME"


def write(folder: Path) -> Path:
    """Write the program into `folder`/bin; return it. The variable HOME names `folder` to it."""
    program = folder / "bin" / "docker"
    program.parent.mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    program.write_text(f"#!{sys.executable} -I\nimport runpy, sys\nrunpy.run_path({__file__!r}, run_name='__main__')\n")
    program.chmod(0o755)
    return program


def add(folder: Path, name: str, root: Path, env: dict[str, str] | None = None, **config: object) -> None:
    """Give the engine an image of the files in `root`."""
    listed = [f"{variable}={value}" for variable, value in (env or {"APP_ROOT": "/opt/app-root"}).items()]
    facts = {"Id": f"sha256:{name:0>64}", "Size": 1, "Config": {"Env": listed, **config}, "root": str(root)}
    (folder / "images" / f"{name}.json").write_text(json.dumps(facts))


def root_of(folder: Path, name: str) -> Path:
    """Return the folder with the files of an image."""
    return Path(json.loads((folder / "images" / f"{name}.json").read_text())["root"])


def calls(folder: Path) -> list[list[str]]:
    """Return the words of each call."""
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main(folder: Path, words: list[str]) -> int:
    """Do what docker does for these words; return the exit status."""
    with (folder / "calls").open("a") as file:
        file.write(json.dumps(words) + "\n")
    command = {
        ("info",): lambda rest: 0,
        ("image", "inspect"): lambda rest: _inspect(folder, rest[-1]),
        ("image", "rm"): lambda rest: _remove_image(folder, rest[-1]),
        ("tag",): lambda rest: _tag(folder, *rest),
        ("create",): lambda rest: _create(folder, rest),
        ("cp",): lambda rest: _copy(folder, *rest),
        ("start",): lambda rest: _start(folder, rest[-1]),
        ("build",): lambda rest: _build(folder, rest),
        ("rm",): lambda rest: shutil.rmtree(folder / "containers" / rest[-1]) or 0,
    }
    for length in (2, 1):
        if tuple(words[:length]) in command:
            return command[tuple(words[:length])](words[length:])
    print(f"stand-in: no such command: {words}", file=sys.stderr)
    return 125


def _facts(folder: Path, name: str) -> dict | None:
    for path in sorted((folder / "images").iterdir()):
        facts = json.loads(path.read_text())
        if name in (path.stem, facts["Id"]):
            return facts
    return None


def _inspect(folder: Path, name: str) -> int:
    facts = _facts(folder, name)
    if facts is None:
        print(f"Error: No such image: {name}", file=sys.stderr)
        return 1
    print(json.dumps([facts]))
    return 0


def _tag(folder: Path, of: str, name: str) -> int:
    (folder / "images" / f"{name}.json").write_text(json.dumps(_facts(folder, of)))
    return 0


def _remove_image(folder: Path, name: str) -> int:
    (folder / "images" / f"{name}.json").unlink()
    return 0


def _create(folder: Path, rest: list[str]) -> int:
    image = next(word for word in rest if _facts(folder, word))
    (folder / "containers").mkdir(exist_ok=True)
    name = f"c{len(list((folder / 'containers').iterdir()))}-{os.getpid()}"
    # Pipes and devices as well.
    subprocess.run(["cp", "-a", _facts(folder, image)["root"], folder / "containers" / name], check=True)
    print(name)
    return 0


def _start(folder: Path, name: str) -> int:
    second = folder / "second"
    if not second.exists():
        print("assemble failed")
        return 1
    shutil.rmtree(folder / "containers" / name)
    shutil.copytree(second, folder / "containers" / name, symlinks=True)
    return 0


def _copy(folder: Path, source: str, target: str) -> int:
    if source == "-":
        container, _, path = target.partition(":")
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            archive.extractall(folder / "containers" / container / path.lstrip("/"), filter="tar")
        shutil.copytree(folder / "containers" / container, folder / "uploaded", symlinks=True, dirs_exist_ok=True)
        return 0
    container, _, path = source.partition(":")
    root = folder / "containers" / container
    place = root / path.lstrip("/")
    if not os.path.lexists(place):
        print(f"Error response from daemon: Could not find the file {path} in container {container}", file=sys.stderr)
        return 1
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", errors="surrogateescape") as archive:
        archive.add(place, place.name)
    return 0


def _build(folder: Path, rest: list[str]) -> int:
    """Follow the instructions FROM and COPY of a Dockerfile."""
    name, context = rest[rest.index("--tag") + 1], Path(rest[-1])
    lines = Path(rest[rest.index("--file") + 1]).read_text().splitlines()
    facts = _facts(folder, lines[0].split()[1])
    root = folder / "made" / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(facts["root"], root, symlinks=True)
    for line in lines[1:]:
        _, _, source, target = line.split()
        (root / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(context / source, root / target.lstrip("/"))
    (folder / "images" / f"{name}.json").write_text(
        json.dumps({**facts, "Id": f"sha256:made-{name}", "root": str(root)})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(os.environ[HOME]), sys.argv[1:]))
