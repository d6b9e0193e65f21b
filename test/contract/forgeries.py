"""Two hundred ways to forge a signed model, each by its name: files changed, swapped, linked, renamed, resigned."""

import base64
import itertools
import json
import os
import pickle
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from signers import sign

FILES = ("golden.ndjson", "manifest.json", "model.pickle", "model.sig")
SIGNED = FILES[:3]
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Canary:
    """Writes a file when it is unpickled, and is a model that answers after that."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        """Return the function that reading this calls, in any Python: it has no module of ours."""
        writes = f"__import__('pathlib').Path({self.path!r}).write_text('executed')"
        return eval, (f"[{writes}, {{'predictor': len, 'validator': None, 'batch_predictor': None}}][1]",)


@dataclass(frozen=True)
class Tools:
    """An attacker's material: another model with a valid signature, a key, and a canary that reveals the attack."""

    other: Path
    key: Path
    canary: Path


Forge = Callable[[Path, Tools], None]


def plant(model: Path, tools: Tools, protocol: int = 5, before: bytes = b"", behind: bytes = b"") -> None:
    """Put a canary in the place of the pickle, and its digest into the manifest: without a signature it would sing."""
    import hashlib

    content = before + pickle.dumps(Canary(tools.canary), protocol) + behind
    (model / "model.pickle").write_bytes(content)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["pickle_sha256"] = hashlib.sha256(content).hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))


def all_of() -> dict[str, Forge]:
    """Return the forgeries by their names."""
    made: dict[str, Forge] = {}
    for group in (_bytes, _files, _swaps, _names, _links, _kinds, _canaries, _bundles):
        for name, forge in group():
            if name in made:
                raise ValueError(name)
            made[name] = forge
    return made


def _bytes():
    for file, share in itertools.product(FILES, SHARES):
        yield f"flip a bit of {file} at {share}", partial(_change, file=file, change=partial(_flip, share=share))
        yield f"cut {file} at {share * 0.9:.2f}", partial(_change, file=file, change=partial(_cut, share=share * 0.9))
    for file, more in itertools.product(SIGNED, (b"\0", b"\n", b".", b"x" * 5000)):
        yield (
            f"append {len(more)} {more[:1]!r} to {file}",
            partial(_change, file=file, change=partial(_append, more=more)),
        )
    for file in FILES:
        yield f"empty {file}", partial(_change, file=file, change=lambda content: b"")


def _change(model, tools, file, change):
    path = model / file
    path.write_bytes(change(path.read_bytes()))


def _flip(content, share):
    changed = bytearray(content)
    changed[int(share * (len(content) - 1))] ^= 1
    return bytes(changed)


def _cut(content, share):
    return content[: int(share * len(content))]


def _append(content, more):
    return content + more


def _files():
    for file in FILES:
        yield f"remove {file}", lambda model, tools, file=file: (model / file).unlink()
    names = ("extra", ".hidden", ".gitignore", ".git/config", "deep/er/file", "model.sig.bak", "sitecustomize.py")
    for name in (*names, "model.pickle.gz", "\u200b", "-", "model.sig\n", "a\nb", " "):
        yield f"add {name!r}", partial(_add, name=name)


def _add(model, tools, name):
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(b"1")


def _swaps():
    for size in range(1, len(FILES)):
        for chosen in itertools.combinations(FILES, size):
            yield f"take {', '.join(chosen)} of another signed model", partial(_take, chosen=chosen)
    for one, another in itertools.combinations(FILES, 2):
        yield f"swap {one} and {another}", partial(_exchange, one=one, another=another)


def _take(model, tools, chosen):
    for file in chosen:
        shutil.copyfile(tools.other / file, model / file)


def _exchange(model, tools, one, another):
    (model / one).rename(model / "aside")
    (model / another).rename(model / one)
    (model / "aside").rename(model / another)


def _names():
    looks_like = {"o": "\u043e", "e": "\u0435", "d": "\uff44", "n": "n\u0303"}
    for file in FILES:
        yield f"{file} in capitals", partial(_rename, file=file, name=file.upper())
        yield f"{file} with one capital", partial(_rename, file=file, name=file.capitalize())
        yield f"{file} beside one in capitals", partial(_add, name=file.upper())
        for letter, other in looks_like.items():
            if letter in file:
                name = unicodedata.normalize("NFC", file.replace(letter, other, 1))
                yield f"{file} as {name!a}", partial(_rename, file=file, name=name)
                yield f"{file} beside {name!a}", partial(_add, name=name)
        yield f"{file} with a space behind", partial(_rename, file=file, name=f"{file} ")
        yield f"{file} with a soft hyphen", partial(_rename, file=file, name=file.replace(".", "\u00ad.", 1))


def _rename(model, tools, file, name):
    (model / file).rename(model / name)


def _links():
    for file in FILES:
        yield f"{file} as a link to its own copy", partial(_link, file=file, to="copy")
        yield f"{file} as a link to the other model's", partial(_link, file=file, to="other")
        yield f"{file} as a link to nothing", partial(_link, file=file, to="nothing")
        yield f"a second name for {file}", partial(_second_name, file=file)
        yield f"{file} as a hard link to the other model's", partial(_link, file=file, to="hard")
        yield f"a link beside {file}", lambda model, tools, file=file: (model / "more").symlink_to(file)
    yield "a link to a folder", lambda model, tools: (model / "more").symlink_to(tools.other)
    yield "a link to itself", lambda model, tools: (model / "more").symlink_to("more")


def _link(model, tools, file, to):
    path = model / file
    if to == "copy":
        aside = tools.canary.parent / f"copy of {file}"
        shutil.copyfile(path, aside)
    path.unlink()
    if to == "hard":
        os.link(tools.other / file, path)
    else:
        targets = {
            "other": tools.other / file,
            "nothing": Path("nowhere"),
            "copy": tools.canary.parent / f"copy of {file}",
        }
        path.symlink_to(targets[to])


def _second_name(model, tools, file):
    os.link(model / file, model / f"{file}.2")


def _kinds():
    for file in FILES:
        yield f"a folder instead of {file}", partial(_instead, file=file, make=Path.mkdir)
        yield f"a pipe instead of {file}", partial(_instead, file=file, make=os.mkfifo)
    yield "an empty folder more", lambda model, tools: (model / "more").mkdir()
    yield "a pipe more", lambda model, tools: os.mkfifo(model / "more")


def _instead(model, tools, file, make):
    (model / file).unlink()
    make(model / file)


def _canaries():
    for protocol in range(6):
        yield f"a canary by protocol {protocol}", partial(plant, protocol=protocol)
    yield "a canary with its own signature", _sign_canary
    yield "a canary with its own signature and the right hint", _sign_with_hint
    yield (
        "a canary before the pickle",
        lambda model, tools: plant(model, tools, behind=(model / "model.pickle").read_bytes()),
    )
    yield (
        "a canary behind the pickle",
        lambda model, tools: plant(model, tools, before=(model / "model.pickle").read_bytes()),
    )
    yield "a canary without a signature", _unsigned_canary
    yield "a canary with the other model's signature", _canary_of_other


def _sign_canary(model, tools):
    plant(model, tools)
    sign(model, tools.key)


def _sign_with_hint(model, tools):
    hint = json.loads((model / "model.sig").read_text())["verificationMaterial"]
    _sign_canary(model, tools)
    _edit(model, lambda bundle: bundle.update(verificationMaterial=hint))


def _unsigned_canary(model, tools):
    plant(model, tools)
    (model / "model.sig").unlink()


def _canary_of_other(model, tools):
    plant(model, tools)
    shutil.copyfile(tools.other / "model.sig", model / "model.sig")


def _edit(model, change):
    path = model / "model.sig"
    bundle = json.loads(path.read_text())
    change(bundle)
    path.write_text(json.dumps(bundle))


def _bundles():
    """Yield forged bundles around a canary: what is signed, what it says and how it is signed do not fit."""
    yield "a statement on the canary by the old signature", _edited(_statement_on_canary)
    yield "no signatures", _edited(lambda bundle, model: bundle["dsseEnvelope"].update(signatures=[]))
    yield "an empty signature", _edited(lambda bundle, model: bundle["dsseEnvelope"]["signatures"][0].update(sig=""))
    yield "the signature twice", _edited(_doubled)
    yield "another type of payload", _edited(lambda bundle, model: bundle["dsseEnvelope"].update(payloadType="x/y"))
    yield "another kind of bundle", _edited(lambda bundle, model: bundle.update(mediaType="x/y"))
    yield "no envelope", _edited(lambda bundle, model: bundle.pop("dsseEnvelope"))
    yield "a list for a bundle", lambda model, tools: (model / "model.sig").write_text("[]")
    yield "deep nesting for a bundle", lambda model, tools: (model / "model.sig").write_text("[" * 100_000)
    yield "a large bundle", lambda model, tools: (model / "model.sig").write_bytes(b" " * (5 << 20))


def _edited(change):
    def forge(model, tools):
        plant(model, tools)
        _edit(model, lambda bundle: change(bundle, model))

    return forge


def _doubled(bundle, model):
    bundle["dsseEnvelope"]["signatures"] *= 2


def _statement_on_canary(bundle, model):
    import hashlib

    envelope = bundle["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    for resource in statement["predicate"]["resources"]:
        resource["digest"] = hashlib.sha256((model / resource["name"]).read_bytes()).hexdigest()
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
