"""Models as one file, with the one package that they need in it, and how such files are forged."""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from importlib import metadata
from pathlib import Path

from nb_builder.signing import attestation, zipapp
from nb_builder.signing.signer import Signer
from nb_scorer.zipapp import layout
from nb_service.export import zip_entries

from contract.batches import LIMIT, environment
from contract.forgeries import Canary
from contract.services import copy_of

MAIN = b"__main__.py"
PYTHON = Path(sys.executable).resolve()


def zipapp_of(app_root: Path, folder: Path, *words: str) -> Path:
    """Write the file of a model below `folder`, as `zipapp WORDS` does; return it."""
    path = folder / "my-model"
    ran = exported(root_of(app_root, folder), path, *words)
    assert ran.returncode == 0, ran.stderr.decode()
    return path


def exported(root: Path, path: Path, *words: str):
    """Return what `zipapp WORDS > PATH` did with an APP_ROOT."""
    command = [sys.executable, "-I", "-m", "nb_service", "zipapp", *words]
    with open(path, "wb") as file:
        return subprocess.run(command, stdout=file, stderr=subprocess.PIPE, env=environment(root), timeout=LIMIT)


def root_of(app_root: Path, folder: Path) -> Path:
    """Return a copy of an APP_ROOT whose environment has cloudpickle alone; made once for a folder."""
    root = folder / "app"
    if root.is_dir():
        return root
    root.mkdir(parents=True)
    copy_of(app_root, root)
    (root / "venv").unlink()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", root / "venv"], check=True)
    (packages,) = (root / "venv").glob("lib/python*/site-packages")
    distribution = metadata.distribution("cloudpickle")
    for name in {each.parts[0] for each in distribution.files}:
        shutil.copytree(distribution.locate_file(name), packages / name)
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "requirements.lock").write_text(f"# {'of a test' * 20}\ncloudpickle=={distribution.version}\n")
    return root


def sign(path: Path, key: Path) -> Path:
    """Sign a whole file; return it."""
    zipapp.sign(path, Signer(key))
    return path


def sign_origin(root: Path, key: Path, **digests: str) -> None:
    """Write and sign a statement on where the model under `root` comes from, with these digests of files."""
    import hashlib

    from nb_builder.signing import model
    from nb_scorer.signature import origin, statement

    names = {"build/requirements.lock": hashlib.sha256((root / "build/requirements.lock").read_bytes()).hexdigest()}
    reported = {
        "_type": statement.TYPE,
        "subject": [{"name": "model", "digest": {"sha256": statement.root_of(model.digests_of(root / "model"))}}],
        "predicateType": origin.PREDICATE,
        "predicate": {
            "buildDefinition": {
                "resolvedDependencies": [
                    {"name": name, "digest": {"sha256": digest}} for name, digest in {**names, **digests}.items()
                ]
            },
            "runDetails": {"byproducts": []},
        },
    }
    (root / "build" / "provenance.json").write_text(json.dumps(reported))
    attestation.sign(root / "build", Signer(key), model.digests_of(root / "model"))


def run(path: Path, *words: str, given: bytes = b"", cache: Path | None = None, alone: bool = False, **env: str):
    """Return what `python FILE WORDS` did, on a machine with Python alone; `alone` is without a network."""
    unshared = ["unshare", "--net"] if alone and os.geteuid() == 0 else []
    where = ["--cache", str(cache or path.parent / "cache")]
    kept = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(
        [*unshared, PYTHON, path, *where, *words],
        input=given,
        capture_output=True,
        env={**kept, **env},
        timeout=LIMIT,
    )


def changed(path: Path, target: Path, change) -> Path:
    """Write a file whose entries are those that `change` makes of {name: bytes}; return it."""
    with zipfile.ZipFile(path) as source:
        entries = {entry.filename: source.read(entry) for entry in source.infolist()}
    write(target, change(entries).items())
    return target


def write(target: Path, entries) -> None:
    """Write a file of these (name, bytes) in the form of our writer."""
    with open(target, "wb") as file:
        sink, _ = zip_entries.runnable(file)
        with sink:
            for name, content in entries:
                sink.writestr(zip_entries.stored(name, len(content)), content)


def canary(path: Path) -> bytes:
    """Return a pickle that writes the file `path` where it is read."""
    return pickle.dumps(Canary(path), 4)


def forgeries(other: dict[str, bytes], sings: Path):
    """Yield (name, change) of ways to forge a signed file; `other` are the entries of another signed model.

    What each puts in would write `sings` where it is unpickled, imported or installed.
    """
    code = f"open({str(sings)!r}, 'w').close()\n".encode()

    def put(name, content):
        return lambda entries: {**entries, name: content}

    def edit(name, edited):
        return lambda entries: {**entries, name: edited(entries[name])}

    def drop(name):
        return lambda entries: {each: content for each, content in entries.items() if each != name}

    names = ("model/model.pickle", "model/manifest.json", "model/golden.ndjson", "build/requirements.lock")
    for name in (*names, "src/helper.py", layout.SIGNATURE):
        yield f"flip a bit of {name}", edit(name, lambda text: text[:90] + bytes([text[90] ^ 1]) + text[91:])
        yield f"cut {name}", edit(name, lambda text: text[:-20])
        yield f"append to {name}", edit(name, lambda text: text + b"}")
        yield f"empty {name}", put(name, b"")
        yield f"remove {name}", drop(name)
        if name != "build/requirements.lock":  # the same in both
            yield f"take {name} of another", put(name, other[name])
    yield "a pickle that sings", put("model/model.pickle", canary(sings))
    yield "a module that sings", edit("src/helper.py", lambda content: code + content)
    for name in (
        "src/sitecustomize.py",
        "src/json.py",
        "model/extra",
        "nb_scorer/worker/more.py",
        "more",
        "wheels/a-1-py3-none-any.whl",
    ):
        yield f"add {name}", put(name, code)
    yield "our code that sings", edit("nb_scorer/worker/scorer.py", lambda content: code + content)
    yield "our first code of the second process", edit("nb_scorer/zipapp/predict.py", lambda content: code + content)

    def wheel(entries):
        (name,) = [name for name in entries if name.endswith(".whl")]
        return {**entries, name: with_code(entries[name], code)}

    yield "a package that sings", wheel
    yield "a list of packages", edit(layout.WHEELS_LIST, lambda content: content + b"# more\n")
    yield "the facts", edit(layout.FACTS, lambda content: content.replace(b"1", b"1 "))


def with_code(wheel: bytes, code: bytes) -> bytes:
    """Return a wheel of cloudpickle that runs `code` first."""
    import io

    with zipfile.ZipFile(io.BytesIO(wheel)) as source:
        entries = {entry.filename: source.read(entry) for entry in source.infolist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as sink:
        for name, content in entries.items():
            sink.writestr(name, code + content if name == "cloudpickle/__init__.py" else content)
    return target.getvalue()


def read_in_two_ways_by_its_count(content: bytes, program: bytes) -> bytes:
    """Return such a file that is one without gaps: `program` is in the extra field of the first file's local header.

    ZIP64 is wanted by the number of files alone; zipimport believes the size and the place next to it.
    """
    end = len(content) - 22
    count, size, offset = struct.unpack_from("<H2I", content, end + 10)
    start = end - size
    (header_of_first,) = struct.unpack_from("<I", content, start + 42)
    first = start - offset + header_of_first
    name_length, extra_length = struct.unpack_from("<2H", content, first + 26)
    at = first + 30 + name_length + extra_length
    sizes = struct.pack("<3I2H", zlib.crc32(program), len(program), len(program), len(MAIN), 0)
    local = b"PK\3\4" + struct.pack("<5H", 20, 0, 0, 0, 33) + sizes + MAIN + program
    central = b"PK\1\2" + struct.pack("<6H", 20, 20, 0, 0, 0, 33) + sizes
    central += struct.pack("<3H2I", 0, 0, 0, 0, at) + MAIN
    more = local + central
    begun = bytearray(content[:at] + more + content[at:end])
    struct.pack_into("<H", begun, first + 28, extra_length + len(more))
    place = start + len(more)
    while begun[place : place + 4] == b"PK\1\2":
        lengths = struct.unpack_from("<3H", begun, place + 28)
        (header,) = struct.unpack_from("<I", begun, place + 42)
        if header != header_of_first:
            struct.pack_into("<I", begun, place + 42, header + len(more))
        place += 46 + sum(lengths)
    record = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, offset + len(more))
    locator = b"PK\6\7" + struct.pack("<IQI", 0, len(begun), 1)
    own, last = at + len(local), len(begun) + len(record + locator)
    plain = struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, last - own, own, 0)
    return bytes(begun) + record + locator + b"PK\5\6" + plain


def code_behind(content: bytes, name: bytes, code: bytes) -> bytes:
    """Return a file in which zipimport reads `code`, of 16 bytes, behind a file: in the place of its sizes.

    It goes by the size that compressed bytes have, zipfile by that of what they hold.
    """
    end = len(content) - 22
    size, offset = struct.unpack_from("<2I", content, end + 12)
    record = content.index(name, end - size) - 46
    compressed, length = struct.unpack_from("<2I", content, record + 20)
    (header,) = struct.unpack_from("<I", content, record + 42)
    edited = bytearray(content)
    struct.pack_into("<I", edited, record + 20, compressed + len(code))
    behind = header + end - size - offset + 30 + len(name) + length
    edited[behind : behind + len(code)] = code
    return bytes(edited)


def read_in_two_ways(content: bytes, program: bytes) -> bytes:
    """Return a file in which zipfile reads what is in `content`, by a ZIP64 record, and zipimport `program` alone."""
    end = len(content) - 22
    count, size, offset = struct.unpack_from("<H2I", content, end + 10)
    directory = bytearray(content[end - size : end])
    # A second archive, as the comment on the last entry of the first.
    other = content[: end - size]
    place = len(other) + size
    crc = zlib.crc32(program)
    sizes = struct.pack("<3I2H", crc, len(program), len(program), len(MAIN), 0)
    local = b"PK\3\4" + struct.pack("<5H", 20, 0, 0, 0, 33) + sizes + MAIN + program
    central = b"PK\1\2" + struct.pack("<6H", 20, 20, 0, 0, 0, 33) + sizes
    central += struct.pack("<3H2I", 0, 0, 0, 0, place) + MAIN
    last = directory.rindex(b"PK\1\2")
    struct.pack_into("<H", directory, last + 32, len(local + central))
    begun = other + bytes(directory) + local + central
    record = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size + len(local + central), offset)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, len(begun), 1)
    at = len(begun + record + locator)
    own = at - (len(begun) - len(central))
    return begun + record + locator + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, own, at - own, 0)
