from nb_scorer import layout


def test_no_two_names_in_one_folder_are_the_same():
    names = [value for name, value in vars(layout).items() if name.isupper()]
    assert len(names) == len(set(names))
