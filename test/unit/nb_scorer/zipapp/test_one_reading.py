"""What zip files are one reading of their bytes, and no other."""

import io
import struct
import zipfile

import pytest
from nb_scorer.zipapp import one_reading
from nb_scorer.zipapp.carried import Carried
from nb_scorer.zipapp.problems import ZipappDamaged
from nb_service.export import zip_entries

FILES = {"__main__.py": b"print(1)\n", "src/größe.py": b"", "model/data": bytes(300), "zipapp.sig": b"{}"}


def written(files, *, forward=True):
    """Return a file of ours with these {name: bytes}; without `forward`, as zipfile writes it where it can go back."""
    target = io.BytesIO()
    if forward:
        archive, _ = zip_entries.runnable(target)
    else:
        target.write(one_reading.SHEBANG)
        archive = zipfile.ZipFile(target, "w")
    with archive:
        for name, content in files.items():
            archive.writestr(zip_entries.stored(name, len(content), name.startswith("src/")), content)
    return target.getvalue()


def problem(content):
    """Return what is wrong with a file; True where zipfile can't read it, either."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return one_reading.problem_of(io.BytesIO(content), archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return True


def contents(content):
    """Return the places of all that is in files."""
    places = set()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            start = entry.header_offset + 30 + len(entry.filename.encode())
            places.update(range(start, start + entry.file_size))
    return places


def test_what_our_writer_writes_is_taken():
    assert problem(written(FILES)) is None
    assert problem(written({f"{number}": b"" for number in range(3000)})) is None


def test_no_bit_outside_of_the_files_can_be_another():
    content = written(FILES)
    inside = contents(content)
    assert len(inside) == 311
    taken = []
    for at in set(range(len(content))) - inside:
        for bit in range(8):
            other = bytearray(content)
            other[at] ^= 1 << bit
            if problem(bytes(other)) is None:
                taken.append((at, bit))
    assert not taken


@pytest.mark.parametrize("added", [b"\0", b"PK", bytes(1000)])
def test_no_byte_can_be_added_outside_of_the_files(added):
    content = written(FILES)
    inside = contents(content)
    places = [at for at in range(len(content) + 1) if at not in inside or at - 1 not in inside]
    assert not [at for at in places if problem(content[:at] + added + content[at:]) is None]


def test_what_is_written_in_another_form_is_rejected():
    assert problem(written(FILES, forward=False)) == ("unexpected bytes precede one of its files")
    assert problem(written(FILES)[len(one_reading.SHEBANG) :]) == "it does not start with the line that runs it"


def test_a_name_that_reads_as_a_record_of_zip64_is_rejected():
    # Python 3.13 believes one that stands 76 bytes before the end, and asks for no locator.
    record = "PK\6\6" + "a" * 72
    assert problem(written({**FILES, "src/" + record: b""})) == ("it contains a ZIP64 record")
    locator = "PK\6\7" + "a" * 16
    # zipfile looks for more then, and finds nothing.
    assert problem(written({**FILES, "src/" + locator: b""})) is True
    assert problem(written({"src/" + record: b"", "src/" + locator + "a": b""})) is None


def test_a_file_with_too_many_files_is_rejected():
    assert problem(written({str(number): b"" for number in range(70_000)})) == ("it is larger than allowed")


END = struct.Struct("<4s4H2IH")


def with_directory(size, *, before=b"", after=b""):
    """Return a file whose last record has a directory of that many bytes."""
    end = END.pack(b"PK\5\6", 0, 0, 1, 1, size, 100, len(after))
    return written(FILES) + before + end + after


# The record of that locator has a size of its own, of eight bytes.
LOCATOR = b"PK\6\7" + bytes(16)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (with_directory(one_reading.MAX_DIRECTORY + 1), "the list of its files is larger than allowed"),
        (with_directory(0xFFFFFFFF), "the list of its files is larger than allowed"),
        (with_directory(0xFFFFFFFF, after=b"a comment"), "it does not end as a model file does"),
        (with_directory(100, before=LOCATOR), "it contains a ZIP64 record"),
        (b"", "it does not end as a model file does"),
    ],
    ids=["large", "largest", "with a comment", "with a ZIP64 record", "empty"],
)
def test_a_directory_that_is_too_large_is_not_read(content, reason, tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(content)
    read = []
    monkeypatch.setattr(zipfile, "ZipFile", read.append)
    with pytest.raises(ZipappDamaged, match=reason):
        Carried(str(path))
    assert not read


def test_the_largest_directory_is_read():
    assert one_reading.directory_problem_of(io.BytesIO(with_directory(one_reading.MAX_DIRECTORY))) is None
    assert one_reading.directory_problem_of(io.BytesIO(written(FILES))) is None
