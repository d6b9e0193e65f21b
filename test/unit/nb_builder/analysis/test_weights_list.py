"""The list `weights`: which lists are one, what their entries are, and what is wrong with the others."""

from pathlib import Path

import pytest
from nb_builder.analysis import weights_list
from nb_builder.analysis.weights_list import Place
from nb_builder.common.cell import Cell

NOTEBOOK = Path("work/model.ipynb")


def cells(*sources):
    return [Cell(source, number, ()) for number, source in enumerate(sources, 1)]


def found(tmp_path, *sources, allowed=()):
    place = Place(NOTEBOOK, tmp_path)
    return [
        (problem.code.removeprefix("weights-"), problem.line, problem.facts.get("reason", ""))
        for problem in weights_list.findings(cells(*sources), place, allowed)
    ]


def test_entries_are_relative_to_the_notebook():
    source = 'weights = [["hf://owner/repo@main", "weights/bert"], ("file:///data", "w/", ["*.json"])]'
    entries = weights_list.read(cells(source), NOTEBOOK)
    assert [entry[:3] for entry in entries] == [
        ("hf://owner/repo@main", "work/weights/bert", ()),
        ("file:///data", "work/w", ("*.json",)),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "weights = [0.3, 0.7]",
        "weights = [[0.1, 0.2], [0.3, 0.4]]",
        'weights = {"a": 1}',
        'weights = [["a", "b"]]',
        "weights = model.coef_",
        "weights = []",
        "for weights in rows: pass",
        "def weights(): pass",
    ],
)
def test_other_uses_of_the_name_are_the_authors_own(source, tmp_path):
    assert weights_list.read(cells(source), NOTEBOOK) == []
    assert found(tmp_path, source) == []


def test_a_later_use_of_the_name_does_not_replace_the_list(tmp_path):
    sources = ['weights = [["file:///data", "w"]]', "weights = model.coef_"]
    assert len(weights_list.read(cells(*sources), NOTEBOOK)) == 1
    assert found(tmp_path, *sources) == []


@pytest.mark.parametrize(
    ("entry", "kind", "reason"),
    [
        ('["hf://owner/repo"]', "malformed", "each entry must be a list of a source, a folder"),
        ('["hf://owner/repo", "w", ["*"], 1]', "malformed", "each entry must be a list of a source, a folder"),
        ('[f"hf://{owner}/repo", "w"]', "malformed", "computed"),
        ('["hf://" + owner, "w"]', "malformed", "computed"),
        ('["hf://owner/repo", 3]', "malformed", "must be strings"),
        ('["hf://owner/repo", "w", "*.json"]', "malformed", "patterns must be a list"),
        ('["hf://owner/repo", "../w"]', "malformed", "below the notebook's own folder"),
        ('["hf://owner/repo", "/w"]', "malformed", "below the notebook's own folder"),
        ('["hf://owner/repo", "."]', "malformed", "below the notebook's own folder"),
        ('["hf://owner/repo", "a\\\\b"]', "malformed", "below the notebook's own folder"),
        (r'["hf://owner/repo", "w\ud800"]', "malformed", "below the notebook's own folder"),
        (f'["hf://owner/repo", "{"w" * 256}"]', "malformed", "below the notebook's own folder"),
        (r'["hf://owner/repo\ud800", "w"]', "source-invalid", "not a valid address"),
        ('["oci://registry/x", "w"]', "source-invalid", "oci:// is not supported yet"),
        ('["pvc:///x", "w"]', "source-invalid", "the form is pvc://claim/path"),
        ('["pvc://../other", "w"]', "source-invalid", "'..' is not the name of a volume claim"),
        ('["pvc://claim/../other", "w"]', "source-invalid", "has a part '.' or '..'"),
        ('["pvc://claim/x?y=1", "w"]', "source-invalid", "has a query; write a '?' in a path as %3F"),
        ('["file:///x?", "w"]', "source-invalid", "has a query; write a '?' in a path as %3F"),
        ('["http://host/x", "w"]', "source-invalid", "not encrypted"),
        ('["ftp://host/x", "w"]', "source-invalid", "ftp:// is not supported"),
        ('["hf://owner", "w"]', "source-invalid", "hf://owner/repository@revision"),
        ('["file://host/x", "w"]', "source-invalid", "file:///absolute/path"),
        ('["s3:///x", "w"]', "source-invalid", "s3://bucket/path/"),
        ('["https://user:secret@host/x", "w"]', "source-invalid", "a user or a password"),
        ('["hf://user:secret@owner/repo", "w"]', "source-invalid", "a user or a password"),
        ('["https://host/x?X-Amz-Signature=1", "w"]', "source-invalid", "X-Amz-Signature"),
        ('["https://host/x?private_token=secret", "w"]', "source-invalid", "private_token"),
        ('["https://host/x?AWSAccessKeyId=1", "w"]', "source-invalid", "AWSAccessKeyId"),
        ('["https://host/x?access-key=secret", "w"]', "source-invalid", "access-key"),
        ('["https://host/x?auth=secret", "w"]', "source-invalid", "(auth)"),
    ],
)
def test_what_is_wrong_with_an_entry(entry, kind, reason, tmp_path):
    [(code, line, said)] = found(tmp_path, f"x = 1\nweights = [{entry},\n]")
    assert (code, line) == (kind, 2)
    assert reason in said
    assert "secret" not in said


def test_all_entries_are_checked_and_must_not_overlap(tmp_path):
    source = 'weights = [["file:///a", "w"],\n ["file:///b", "w/x"],\n ["oci://c", "v"]]'
    assert [(code, line) for code, line, _ in found(tmp_path, source)] == [("malformed", 2), ("source-invalid", 3)]


def test_notebooks_may_share_an_entry_but_not_a_folder(tmp_path):
    """Their entries are laid into one copy of the repository, one after the other."""
    first = tuple(weights_list.read(cells('weights = [["file:///a", "w"]]'), NOTEBOOK))
    place = Place(NOTEBOOK, tmp_path, first)
    for item, reasons in (
        ('"file:///a", "w"', []),
        ('"file:///b", "w"', ["the folders 'work/w' and 'work/w' overlap"]),
        ('"file:///a", "w/x"', ["the folders 'work/w' and 'work/w/x' overlap"]),
    ):
        problems = weights_list.findings(cells(f"weights = [[{item}]]"), place, ())
        assert [problem.facts["reason"] for problem in problems] == reasons


def test_links_files_and_the_notebooks_own_folder(tmp_path):
    (tmp_path / "work" / "sub").mkdir(parents=True)
    (tmp_path / "work" / "link").symlink_to("/")
    (tmp_path / "work" / "file").write_text("")
    for folder, reason in (("link/x", "is a link"), ("file", "is a file of the repository")):
        assert reason in found(tmp_path, f'weights = [["file:///a", "{folder}"]]')[0][2]


@pytest.mark.parametrize(
    ("source", "is_allowed"),
    [
        ("hf://team/model@main", True),
        ("hf://team-of-others/model", False),
        ("s3://models/a/", True),
        ("s3://models-of-others/a/", False),
        ("https://host/x", False),
    ],
)
def test_allowed_sources(source, is_allowed, tmp_path):
    code = found(tmp_path, f'weights = [["{source}", "w"]]', allowed=("hf://team", "s3://models/"))
    assert [each[0] for each in code] == ([] if is_allowed else ["not-allowed"])


@pytest.mark.parametrize(
    "source",
    [
        "file:///mnt/models/../../etc/passwd",
        "file:///mnt/models/%2e%2e/other",
        "https://host/team/../other/x.bin",
        "https://host/team/..;/x.bin",
        "https://host/team/.\\\\..\\\\x.bin",
        "hf://team/../other/model",
    ],
)
def test_no_address_leaves_the_beginning_that_is_allowed(source, tmp_path):
    """A server or a file system reads `..` as the folder above."""
    allowed = ("file:///mnt/models", "https://host/team/", "hf://team")
    (code,) = found(tmp_path, f'weights = [["{source}", "w"]]', allowed=allowed)
    assert code[0] == "source-invalid" and "has a part '.' or '..'" in code[2]
