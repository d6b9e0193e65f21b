import pytest
from nb_service.backends.batch import command_line
from nb_service.problems import BatchWords


def test_words_without_options_are_inputs_and_an_output():
    cases = {
        (): (("-",), "-"),
        ("in.csv",): (("in.csv",), "-"),
        ("in.csv", "out.csv"): (("in.csv",), "out.csv"),
        ("a", "b", "out/"): (("a", "b"), "out/"),
        ("-", "out.csv"): (("-",), "out.csv"),
        ("--keep", "id", "a", "--flat", "b"): (("a",), "b"),
    }
    for words, expected in cases.items():
        options = command_line.read(words)
        assert (options.inputs, options.output) == expected


def test_options_are_read_and_what_is_not_said_is_empty():
    options = command_line.read(["--sample", "a,b", "--header", "no", "--delimiter", "tab", "--max-errors", "0.5%"])
    assert (options.sample, options.header, options.delimiter, options.max_errors) == (
        ("a", "b"),
        "absent",
        "\t",
        "0.5%",
    )
    nothing = command_line.read([])
    assert (nothing.keep, nothing.column, nothing.sample, nothing.header) == ("all", "prediction", (), None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-such"], "unrecognized arguments: --no-such"),
        (["--to", "xml"], "invalid choice: 'xml'"),
        (["--delimiter", "||"], "--delimiter || is not one character."),
        (["--encoding", "klingon"], "--encoding klingon is not an encoding that Python supports."),
        (["--max-errors", "some"], "--max-errors some is neither a whole number nor a percentage"),
        (["--max-errors", "1.5"], "--max-errors 1.5 is neither"),
        (["--max-errors", "inf%"], "--max-errors inf% is neither"),
        (["--max-errors", "1_0"], "--max-errors 1_0 is neither"),
        (["--max-errors", "101%"], "--max-errors 101% is neither"),
        (["--encoding", "rot13"], "--encoding rot13 is not an encoding"),
        (["--errors", "-"], "stdout is only for predictions"),
        *(
            (["--" + name, ""], f"--{name}: it is empty")
            for name in ("errors", "max-errors", "sample", "keep", "encoding")
        ),
        (["-", "a", "out"], "Stdin can't be one of several inputs."),
    ],
)
def test_words_that_are_not_understood_are_rejected(words, said):
    with pytest.raises(BatchWords) as rejected:
        command_line.read(words)
    assert said in rejected.value.what
    assert rejected.value.exit_status == 2


def test_help_names_every_option(capsys):
    assert command_line.read(["--help"]) is None
    said = capsys.readouterr().out
    assert said.startswith("Usage: batch [OPTIONS] [INPUT…] [OUTPUT]")
    for name in ("--from", "--to", "--keep", "--errors", "--max-errors", "--restart", "--show", "--json", "--flat"):
        assert name in said
