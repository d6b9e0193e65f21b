"""Outputs of cells are bounded and readable, whatever they are."""

from nb_builder.execute.outputs import Outputs, TamedText, plain


def tamed(*pieces, head=3, tail=2, width=20):
    text = TamedText(head, tail, width)
    for piece in pieces:
        text.feed(piece)
    return text.lines()


def test_lines_come_out_as_they_went_in():
    assert tamed("one\ntwo\n", "thr", "ee") == ["one", "two", "three"]


def test_of_many_lines_the_first_and_the_last_are_kept_and_the_rest_is_counted():
    lines = tamed("".join(f"{n}\n" for n in range(1, 3006)))
    assert lines == ["1", "2", "3", "… 3,000 lines left out …", "3004", "3005"]


def test_a_very_long_line_is_cut_and_says_how_much_is_missing():
    assert tamed("x" * 400_020 + "\n", "next") == ["x" * 20 + " … (400,000 more characters)", "next"]


def test_a_long_line_in_many_pieces_is_cut_too():
    assert tamed(*["x" * 15] * 10) == ["x" * 20 + " … (130 more characters)"]


def test_of_a_progress_bar_its_last_state_is_left():
    assert tamed("\r 10%", "\r 50%", "\r100%", "\ndone\n") == ["100%", "done"]


def test_a_carriage_return_at_the_end_of_a_piece_waits_for_what_replaces_the_line():
    assert tamed("10%\r", "100%\r", "\ndone") == ["100%", "done"]


def test_lines_that_end_in_both_characters_are_no_progress_bars():
    assert tamed("one\r\ntwo\r\n") == ["one", "two"]


def test_colours_and_orders_to_a_terminal_are_taken_out():
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2Kplain\x07\x00\tx") == "red plain\tx"


def message(kind, **content):
    return {"msg_type": kind, "content": content}


def outputs(*messages):
    handled = Outputs()
    for output in messages:
        handled.handle(output)
    return handled


def test_a_stream_in_pieces_is_one_output_until_another_comes_between():
    handled = outputs(
        message("stream", name="stdout", text="a"),
        message("stream", name="stdout", text="b\n"),
        message("stream", name="stderr", text="c\n"),
        message("stream", name="stdout", text="d\n"),
    )
    assert [(output["name"], output["text"]) for output in handled.as_notebook()] == [
        ("stdout", "ab\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
    ]
    assert handled.printed.lines() == ["ab", "c", "d"]


def test_displays_beyond_a_bound_are_named_and_not_kept():
    plot = message("display_data", data={"image/png": "x" * 1_500_000}, metadata={})
    shown = outputs(plot, plot).as_notebook()
    assert "image/png" in shown[0]["data"]
    assert shown[1]["data"] == {"text/plain": "(an output of 1,500,000 bytes was left out)"}


def test_cleared_outputs_are_gone_when_the_next_one_comes():
    handled = outputs(
        message("stream", name="stdout", text="1%\n"),
        message("clear_output", wait=True),
        message("stream", name="stdout", text="2%\n"),
    )
    assert [output["text"] for output in handled.as_notebook()] == ["2%\n"]


def display(text, identity="", kind="display_data"):
    return message(kind, data={"text/plain": text}, metadata={}, transient={"display_id": identity} if identity else {})


def texts(handled):
    return [output["data"]["text/plain"] for output in handled.as_notebook()]


def test_an_updated_display_shows_its_last_state():
    handled = outputs(display("0 %", "bar"), display("other"), display("100 %", "bar", "update_display_data"))
    assert texts(handled) == ["100 %", "other"]


def test_an_update_from_a_later_cell_reaches_every_cell_that_shows_the_display():
    displays = {}
    first, second, third = Outputs(displays), Outputs(displays), Outputs(displays)
    first.handle(display("0 %", "bar"))
    shown = first.as_notebook()
    second.handle(display("50 %", "bar"))
    assert shown[0]["data"] == {"text/plain": "50 %"}
    third.handle(display("100 %", "bar", "update_display_data"))
    assert (texts(first), texts(second), texts(third)) == (["100 %"], ["100 %"], [])


def test_an_update_of_a_display_that_no_one_shows_is_nothing():
    assert texts(outputs(display("a", "bar"), display("b", "other", "update_display_data"))) == ["a"]


def test_a_display_that_was_cleared_is_not_updated():
    handled = outputs(display("0 %", "bar"), message("clear_output", wait=True), display("done"))
    handled.handle(display("100 %", "bar", "update_display_data"))
    assert texts(handled) == ["done"]


def test_updates_count_only_with_what_they_leave():
    states = [display(f"{number}" + "x" * 1_000_000, "bar", "update_display_data") for number in range(5)]
    handled = outputs(display("0", "bar"), *states, display("small"))
    assert texts(handled) == ["4" + "x" * 1_000_000, "small"]


def test_what_was_cleared_takes_no_room():
    states = [
        output
        for number in range(5)
        for output in (message("clear_output", wait=True), display(f"{number}" * 1_000_000))
    ]
    assert texts(outputs(*states)) == ["4" * 1_000_000]


def test_cleared_without_waiting_nothing_is_left_even_if_nothing_comes():
    assert outputs(display("0 %"), message("clear_output", wait=False)).as_notebook() == []
    assert texts(outputs(display("0 %"), message("clear_output", wait=True))) == ["0 %"]


def test_what_is_being_written_is_the_last_line_else_the_one_before_it():
    text = TamedText(head=1, tail=2, width=5)
    seen = []
    for piece in ("", "one\n", "two\nthree\n", "four", "teen\rfive\r", "six is long", "\n"):
        text.feed(piece)
        seen.append(text.last_line())
    assert seen == ["", "one", "three", "four", "five", "six i … (6 more characters)", "six i … (6 more characters)"]
    assert text.text() == "one\n… 1 lines left out …\nthree\nsix i … (6 more characters)\n"


def test_each_part_keeps_as_many_lines_as_it_has_room_for():
    lines = [f"{number}" for number in range(1, 7)]
    assert tamed("\n".join(lines[:5]) + "\n") == lines[:5]
    assert tamed("\n".join(lines) + "\n") == ["1", "2", "3", "… 1 lines left out …", "5", "6"]
    assert tamed("a\rb\rc", "d") == ["cd"]
    assert tamed("x" * 20 + "\n", "y" * 21) == ["x" * 20, "y" * 20 + " … (1 more characters)"]
    assert tamed("x" * 30 + "\rshort") == ["short"]


def test_an_error_is_an_output_with_what_a_notebook_has_of_it():
    error = {"ename": "KeyError", "evalue": "'a'", "traceback": ["KeyError"], "other": 1}
    seen = outputs(message("error", **error), message("status", execution_state="idle"))
    assert seen.errors == [error]
    assert seen.as_notebook() == [
        {"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": ["KeyError"]}
    ]


def test_a_result_has_its_number_and_its_metadata_and_a_display_has_no_number():
    seen = outputs(
        message("execute_result", data={"text/plain": "1"}, metadata={"a": 1}, execution_count=4),
        message("display_data", data={"text/plain": "2"}),
    )
    assert seen.as_notebook() == [
        {"output_type": "execute_result", "execution_count": 4, "data": {"text/plain": "1"}, "metadata": {"a": 1}},
        {"output_type": "display_data", "data": {"text/plain": "2"}, "metadata": {}},
    ]


def test_exactly_as_much_is_kept_as_there_is_room_for():
    half = message("display_data", data={"a": "x" * 1024 * 1024})
    kept = outputs(half, half, message("display_data", data={"a": "x"})).as_notebook()
    assert [list(one["data"]) for one in kept] == [["a"], ["a"], ["text/plain"]]


def test_after_a_clear_a_stream_begins_again():
    stream = message("stream", name="stdout", text="a\n")
    assert [one["text"] for one in outputs(stream, message("clear_output"), stream).as_notebook()] == ["a\n"]
    waiting = outputs(stream, message("clear_output", wait=True), message("stream", name="stdout", text="b\n"), stream)
    assert [one["text"] for one in waiting.as_notebook()] == ["b\na\n"]
    assert waiting.printed.lines() == ["a", "b", "a"]


def test_what_one_cell_clears_another_one_still_updates():
    displays = {}
    first, second = Outputs(displays), Outputs(displays)
    first.handle(display("0 %", "bar"))
    for one in (display("50 %", "bar"), message("clear_output"), display("100 %", "bar", "update_display_data")):
        second.handle(one)
    assert (texts(first), texts(second)) == (["100 %"], [])
