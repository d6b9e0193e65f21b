import subprocess
import sys

import pytest
from nb_service import problems, signature
from nb_service.signature.trust import Known, Trust

import signers


@pytest.fixture
def model(tmp_path):
    """Return a signed model folder, and the file of its public key."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pickle").write_bytes(b"pickle")
    (folder / "golden.ndjson").write_bytes(b"rows")
    (folder / "golden").mkdir()
    (folder / "golden" / "1.png").write_bytes(b"picture")
    private, public = signers.key_pair(tmp_path)
    return signers.sign(folder, private), public


def test_nothing_of_the_library_is_imported_before_a_model_is_verified():
    program = (
        "import sys, nb_service.__main__; print([name for name in sys.modules if name.startswith('cryptography')])"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_python_without_the_library_rejects_and_says_what_it_lacks(model, monkeypatch):
    """Such as that of a Spark cluster."""
    folder, public = model
    ours = ("nb_service.signature.certificates", "nb_service.signature.keys")
    for name in [name for name in sys.modules if name.startswith(("cryptography", *ours))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ours:
        # A package keeps the modules that were imported of it as attributes, too.
        monkeypatch.delattr(signature, name.rpartition(".")[2], raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(problems.VerifyUnusable, match="this Python lacks the package cryptography"):
        Trust(str(public)).digests_of(folder)


def test_a_pickle_is_left_to_who_loads_it_and_all_else_is_compared(model):
    folder, public = model
    (folder / "model.pickle").write_bytes(b"another")
    assert sorted(Trust(str(public)).digests_of(folder)) == ["golden.ndjson", "golden/1.png", "model.pickle"]
    (folder / "golden" / "1.png").write_bytes(b"another")
    with pytest.raises(problems.ModelNotAsSigned, match=r"golden/1\.png has changed since it was signed"):
        Trust(str(public)).digests_of(folder)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda folder: (folder / "more").touch(), "more is not signed"),
        (lambda folder: (folder / "golden.ndjson").unlink(), r"golden\.ndjson is missing"),
        (lambda folder: (folder / "more").mkdir(), "more is an empty folder"),
        (lambda folder: (folder / "gölden").symlink_to("x"), r"g\\xf6lden is a symbolic link"),
    ],
)
def test_what_differs_is_named(model, forge, words):
    folder, public = model
    digests = Trust(str(public)).digests_of(folder)
    forge(folder)
    for trust in (Trust(str(public)), Known(digests)):
        with pytest.raises(problems.ModelNotAsSigned, match=words):
            trust.digests_of(folder)
