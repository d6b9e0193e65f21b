"""A stand-in for the program docker, at the boundary where commands call it: images are folders, and nothing runs.

    folder/images/NAME.json     what `docker image inspect` says of an image, with "root", the folder of its files
    folder/calls                each call, a JSON list a line
    folder/second               what a container has in the place of its files once it was started
    folder/prints               what a container prints once it was started
    folder/steps                files that the steps of a Dockerfile from stdin leave in the image's root
    folder/fails                such a Dockerfile fails where it has the text in this file, and prints folder/says
    folder/built-of             the configuration of each image that such a Dockerfile is given as SERVICE

`cp` sends a folder or file as docker does: links as links, and one in the path to it leads to a place in the image.
"""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from itertools import pairwise
from pathlib import Path

HOME = "STAND_IN_HOME"
# In folder/prints: it is printed again and again.
ENDLESS = "endless"


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
    facts = {"Id": f"sha256:{name:0>64}", "Size": 1, "Architecture": "amd64", "root": str(root)}
    facts["Config"] = {"Env": listed, **config}
    (folder / "images" / f"{name}.json").write_text(json.dumps(facts))


def root_of(folder: Path, name: str) -> Path:
    """Return the folder with the files of an image."""
    return Path(json.loads((folder / "images" / f"{name}.json").read_text())["root"])


def calls(folder: Path) -> list[list[str]]:
    """Return the arguments of each call."""
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main(folder: Path, words: list[str]) -> int:
    """Act as docker with these arguments; return the exit status."""
    with (folder / "calls").open("a") as file:
        file.write(json.dumps(words) + "\n")
    command = {
        ("info",): lambda rest: 0,
        ("image", "inspect"): lambda rest: _inspect(folder, rest[-1]),
        ("image", "rm"): lambda rest: _remove_images(folder, [word for word in rest if word[0] != "-"]),
        ("image", "ls"): lambda rest: _listed(folder, rest),
        ("ps",): lambda rest: 0,
        ("version",): lambda rest: 0,
        ("network", "create"): lambda rest: 0,
        ("network", "inspect"): lambda rest: print('[{"IPAM": {"Config": [{"Gateway": "127.0.0.1"}]}}]') or 0,
        ("network", "rm"): lambda rest: 0,
        ("push",): lambda rest: 0,
        ("manifest",): lambda rest: 0,
        ("load",): lambda rest: _load(folder),
        ("save",): lambda rest: _save(folder, rest[-1]),
        ("tag",): lambda rest: _tag(folder, *rest),
        ("create",): lambda rest: _create(folder, rest),
        ("cp",): lambda rest: _copy(folder, *rest),
        ("start",): lambda rest: _start(folder, rest[-1]),
        ("build",): lambda rest: _build(folder, rest),
        ("rm",): lambda rest: shutil.rmtree(folder / "containers" / rest[-1], ignore_errors=True) or 0,
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


def _tag(folder: Path, source: str, name: str) -> int:
    (folder / "images" / f"{name}.json").write_text(json.dumps(_facts(folder, source)))
    return 0


def _remove_images(folder: Path, names: list[str]) -> int:
    for path in list((folder / "images").iterdir()):
        if path.stem in names or json.loads(path.read_text())["Id"] in names:
            path.unlink()
    return 0


def _create(folder: Path, rest: list[str]) -> int:
    image = next(word for word in rest if _facts(folder, word))
    (folder / "containers").mkdir(exist_ok=True)
    name = rest[rest.index("--name") + 1]
    # Pipes and devices as well.
    subprocess.run(["cp", "-a", _facts(folder, image)["root"], folder / "containers" / name], check=True)
    print(name)
    return 0


def _start(folder: Path, name: str) -> int:
    second, prints = folder / "second", folder / "prints"
    if prints.exists():
        print(prints.read_text(), end="", flush=True)
        while prints.read_text() == ENDLESS:
            print(ENDLESS * 1000, flush=True)
        return 0
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
    place = _inside(root, path)
    if place is None or not os.path.lexists(place):
        print(f"Error response from daemon: Could not find the file {path} in container {container}", file=sys.stderr)
        return 1
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", errors="surrogateescape") as archive:
        archive.add(place, place.name)
    return 0


def _inside(root: Path, path: str, steps: int = 40) -> Path | None:
    """Return the place of a path in an image: a link above it leads to another place in the image."""
    at: list[str] = []
    left = [part for part in path.split("/") if part][::-1]
    while left:
        part = left.pop()
        if part in (".", ".."):
            at = at[:-1] if part == ".." else at
            continue
        place = root.joinpath(*at, part)
        if not (left and place.is_symlink()):
            at.append(part)
            continue
        steps -= 1
        if steps < 0:
            return None
        target = os.readlink(place)
        at = [] if target.startswith("/") else at
        left += [each for each in target.split("/") if each][::-1]
    return root.joinpath(*at)


def _load(folder: Path) -> int:
    """Take the images of an archive by their names, without their files."""
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    for image in json.loads(members["manifest.json"]):
        config = json.loads(members[image["Config"]])
        (folder / "empty").mkdir(exist_ok=True)
        facts = {"Id": f"sha256:{image['Config']}", "Size": 1, "Architecture": config["architecture"]}
        facts |= {"Config": config["config"], "root": str(folder / "empty")}
        for name in image["RepoTags"]:
            (folder / "images" / f"{name}.json").write_text(json.dumps(facts))
    return 0


def _save(folder: Path, name: str) -> int:
    facts = _facts(folder, name)
    config = {"architecture": facts["Architecture"], "config": facts["Config"]}
    manifest = [{"Config": "c.json", "RepoTags": [name], "Layers": []}]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for path, value in (("c.json", config), ("manifest.json", manifest)):
            content = json.dumps(value).encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return 0


def _listed(folder: Path, rest: list[str]) -> int:
    label = rest[rest.index("--filter") + 1].removeprefix("label=")
    name, _, value = label.partition("=")
    for path in sorted((folder / "images").iterdir()):
        facts = json.loads(path.read_text())
        if (facts["Config"].get("Labels") or {}).get(name) == value:
            print(facts["Id"])
    return 0


def _build(folder: Path, rest: list[str]) -> int:
    """Follow FROM, COPY, ENV and LABEL of a Dockerfile; of one from stdin, take what its steps leave."""
    name = rest[rest.index("--tag") + 1]
    labels = dict(word.split("=", 1) for flag, word in pairwise(rest) if flag == "--label")
    if rest[-1] == "-":
        text = sys.stdin.read()
        fails = folder / "fails"
        given = dict(word.split("=", 1) for flag, word in pairwise(rest) if flag == "--build-arg")
        facts = _facts(folder, given.get("SERVICE", "")) or {"Size": 1, "Config": {}, "root": str(folder / "bin")}
        lines = []
        if fails.exists() and fails.read_text() in text:
            print("ERROR: a step failed")
            print((folder / "says").read_text() if (folder / "says").exists() else "")
            return 1
        with (folder / "built-of").open("a") as file:
            file.write(json.dumps(facts["Config"]) + "\n" if "SERVICE" in given else "")
    else:
        _, *lines = Path(rest[rest.index("--file") + 1]).read_text().splitlines()
        facts = _facts(folder, _.split()[1])
    root = folder / "made" / name
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", facts["root"], root], check=True)
    if rest[-1] == "-" and (folder / "steps").exists():
        shutil.copytree(folder / "steps", root, symlinks=True, dirs_exist_ok=True)
    config = dict(facts["Config"])
    variables = dict(text.split("=", 1) for text in config.get("Env") or ())
    for line in lines:
        word, _, words = line.partition(" ")
        if word == "COPY":
            source, target = words.split()[1:]
            (root / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(rest[-1]) / source, root / target.lstrip("/"))
        elif word in ("ENV", "LABEL"):
            (variables if word == "ENV" else labels).update([shlex.split(words)[0].split("=", 1)])
    config |= {"Env": [f"{each}={value}" for each, value in variables.items()]}
    config |= {"Labels": {**(config.get("Labels") or {}), **labels}}
    made = {**facts, "Id": f"sha256:made-{name}", "Config": config, "root": str(root)}
    made["Architecture"] = os.environ.get("STAND_IN_ARCHITECTURE") or facts.get("Architecture", "amd64")
    (folder / "images" / f"{name}.json").write_text(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(os.environ[HOME]), sys.argv[1:]))
