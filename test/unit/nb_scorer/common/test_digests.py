import hashlib

from nb_scorer.common import digests


def test_a_file_larger_than_a_block_has_the_digest_of_its_whole_content(tmp_path):
    content = bytes(range(256)) * 5000
    path = tmp_path / "data"
    path.write_bytes(content)
    assert digests.sha256_of(path) == hashlib.sha256(content).hexdigest()
    with path.open("rb") as file:
        file.seek(7)
        assert digests.sha256_of_rest(file) == hashlib.sha256(content[7:]).hexdigest()
