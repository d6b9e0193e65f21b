import pytest
from nb_service.backends.batch.sample_files import NoFile, SampleFiles
from nb_service.files import NO_FILES


@pytest.mark.parametrize("path", ["\ud800", "a/\ud800", "\0", "a" * 300, "a/" * 3000 + "a"])
def test_a_text_that_no_file_can_be_named_by_is_only_not_a_file(path, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(NoFile):
        SampleFiles(str(tmp_path), NO_FILES)._checked(path)
