from nb_scorer.common import paths


def test_no_two_names_in_one_folder_are_the_same():
    names = [value for name, value in vars(paths).items() if name.isupper()]
    assert len(names) == len(set(names))
