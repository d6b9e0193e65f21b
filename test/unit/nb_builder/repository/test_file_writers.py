"""Which notebook writes a file that another one reads."""

from pathlib import Path

import pytest
from nb_builder.repository import file_writers


@pytest.fixture
def before(tmp_path):
    """Return what writes scripts in cells, {path: source}, and returns those to run before the script `serve.py`."""

    def ask(missing, **sources):
        for path, source in {"serve": "predictor = len", **sources}.items():
            file = tmp_path / f"{path}.py"
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(f"# %%\n{source}\n")
        return [path.stem for path in file_writers.before(Path("serve.py"), Path(missing), tmp_path)]

    return ask


@pytest.mark.parametrize(
    "source",
    [
        "joblib.dump(model, 'm.bin')",
        "table.to_csv('./m.bin', index=False)",
        "with open('m.bin', 'wb') as file:\n    pickle.dump(model, file)",
        "with open('m.bin', mode='a') as file:\n    pass",
        "pathlib.Path('m.bin').write_text(text)",
        "np.savez(file='m.bin')",
        "%%writefile m.bin\nx",
    ],
)
def test_a_call_that_writes_a_file_of_that_name_is_seen(before, source):
    assert before("m.bin", train=source) == ["train"]


@pytest.mark.parametrize(
    "source",
    ["open('m.bin')", "joblib.load('m.bin')", "x.to_csv('other/m.bin')", "print('m.bin')", "open('m.bin', 'rb')"],
)
def test_a_file_that_is_read_or_lies_elsewhere_is_not(before, source):
    assert before("m.bin", train=source) == []


def test_a_notebook_comes_behind_those_that_it_needs_itself(before):
    clean, train = "t.to_csv('../clean.csv')", "t = pd.read_csv('clean.csv')\njoblib.dump(t, 'm.bin')"
    assert before("m.bin", train=train, **{"data/clean": clean}) == ["clean", "train"]


def test_of_several_that_write_it_none_is_named(before):
    assert before("m.bin", one="save('m.bin')", two="save('m.bin')", serve="save('m.bin')") == []
    assert before("m.bin", one="save('m.bin')", two="x = 1", serve="save('m.bin')") == ["one"]
