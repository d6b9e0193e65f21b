"""Paths of other machines, and the repository's files of the same names."""

import pytest
from nb_builder.common.cell import Cell
from nb_builder.fix import data_paths


def found(tmp_path, source):
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "data" / "old").mkdir(parents=True, exist_ok=True)
    for file in ("data/heart.csv", "work/here.csv", "data/twice.csv", "data/old/twice.csv"):
        (tmp_path / file).write_text(f"{file}\n1\n")
    for file in ("data/copied.csv", "data/old/copied.csv", "data/Classified Data"):
        (tmp_path / file).write_text("a\n1\n")
    cells = [Cell(source, 1, 1)]
    return [(redirect.path, redirect.file) for redirect in data_paths.redirects(cells, tmp_path / "work", tmp_path)]


@pytest.mark.parametrize(
    "path", ["/content/drive/MyDrive/heart.csv", "/kaggle/input/heart/heart.csv", "C:/Users/me/heart.csv", "heart.csv"]
)
def test_a_file_with_a_unique_name_is_found(tmp_path, path):
    assert found(tmp_path, f"df = pd.read_csv({path!r})") == [(path, "../data/heart.csv")]
    assert found(tmp_path, f"PATH = {path!r}\ndf = pd.read_csv(PATH)") == [(path, "../data/heart.csv")]


def test_a_path_of_windows_is_found(tmp_path):
    assert found(tmp_path, "df = pd.read_csv(r'D:\\data\\heart.csv')") == [("D:\\data\\heart.csv", "../data/heart.csv")]


@pytest.mark.parametrize(
    "start", ["https://raw.githubusercontent.com/me/{}/main/", "https://github.com/me/{}/raw/master/"]
)
def test_a_url_of_the_repository_itself_is_read_from_its_file(tmp_path, start):
    url = start.format(tmp_path.name)
    assert found(tmp_path, f"df = pd.read_csv('{url}data/heart.csv')") == [
        (f"{url}data/heart.csv", "../data/heart.csv")
    ]
    assert found(tmp_path, f"df = pd.read_csv('{url}data/none.csv')") == []
    assert found(tmp_path, f"df = pd.read_csv('{url}../other.csv')") == []
    assert found(tmp_path, f"df = pd.read_csv('{start.format('another')}data/heart.csv')") == []


def test_copies_of_a_file_count_as_one_and_a_table_needs_no_ending(tmp_path):
    assert found(tmp_path, "df = pd.read_csv('/content/copied.csv')")[0][1] in (
        "../data/copied.csv",
        "../data/old/copied.csv",
    )
    path = "Classified Data"
    assert found(tmp_path, f"df = pd.read_csv({path!r}, index_col=0)") == [(path, f"../data/{path}")]
    assert found(tmp_path, f"df = load({path!r})") == []


@pytest.mark.parametrize(
    "source",
    [
        "df = pd.read_csv('here.csv')",
        "df = pd.read_csv('/content/twice.csv')",
        "df = pd.read_csv('/content/none.csv')",
        "df = pd.read_csv('https://example.org/heart.csv')",
        "df = pd.read_csv(os.path.join(base, 'heart.csv'))",
        "df.to_csv('/content/heart.csv')",
    ],
)
def test_other_paths_stay(tmp_path, source):
    assert found(tmp_path, source) == []


def test_the_source_gets_the_new_path(tmp_path):
    redirect = data_paths.Redirect(Cell("", 1, 1), '"/content/a.csv"', "/content/a.csv", "data/a.csv")
    assert data_paths.redirected('df = read("/content/a.csv")', [redirect]) == "df = read('data/a.csv')"


def test_names_that_no_file_system_takes_are_not_there(tmp_path):
    path = f"/content/{'y' * 5000}/heart.csv"
    assert found(tmp_path, f"df = pd.read_csv({path!r})") == [(path, "../data/heart.csv")]
    url = f"https://github.com/me/{tmp_path.name}/raw/main/{'y' * 300}/heart.csv"
    assert found(tmp_path, f"df = pd.read_csv({url!r})") == []


def test_copies_of_terabytes_are_not_compared(tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        with (tmp_path / folder / "large.csv").open("wb") as file:
            file.truncate(1 << 42)
    assert found(tmp_path, "df = pd.read_csv('/content/large.csv')") == []
