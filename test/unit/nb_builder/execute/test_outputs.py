"""What cells print is bounded and readable, whatever they print."""

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
    seen = Outputs()
    for one in messages:
        seen.see(one)
    return seen


def test_a_stream_in_pieces_is_one_output_until_another_comes_between():
    seen = outputs(
        message("stream", name="stdout", text="a"),
        message("stream", name="stdout", text="b\n"),
        message("stream", name="stderr", text="c\n"),
        message("stream", name="stdout", text="d\n"),
    )
    assert [(one["name"], one["text"]) for one in seen.as_notebook()] == [
        ("stdout", "ab\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
    ]
    assert seen.printed.lines() == ["ab", "c", "d"]


def test_displays_beyond_a_bound_are_named_and_not_kept():
    plot = message("display_data", data={"image/png": "x" * 1_500_000}, metadata={})
    kept = outputs(plot, plot).as_notebook()
    assert "image/png" in kept[0]["data"]
    assert kept[1]["data"] == {"text/plain": "(an output of 1,500,000 bytes is not kept)"}


def test_cleared_outputs_are_gone_when_the_next_one_comes():
    seen = outputs(
        message("stream", name="stdout", text="1%\n"),
        message("clear_output", wait=True),
        message("stream", name="stdout", text="2%\n"),
    )
    assert [one["text"] for one in seen.as_notebook()] == ["2%\n"]


def display(text, identity="", kind="display_data"):
    return message(kind, data={"text/plain": text}, metadata={}, transient={"display_id": identity} if identity else {})


def texts(seen):
    return [one["data"]["text/plain"] for one in seen.as_notebook()]


def test_an_updated_display_shows_its_last_state():
    seen = outputs(display("0 %", "bar"), display("other"), display("100 %", "bar", "update_display_data"))
    assert texts(seen) == ["100 %", "other"]


def test_an_update_from_a_later_cell_reaches_every_cell_that_shows_the_display():
    displays = {}
    first, second, third = Outputs(displays), Outputs(displays), Outputs(displays)
    first.see(display("0 %", "bar"))
    kept = first.as_notebook()
    second.see(display("50 %", "bar"))
    assert kept[0]["data"] == {"text/plain": "50 %"}
    third.see(display("100 %", "bar", "update_display_data"))
    assert (texts(first), texts(second), texts(third)) == (["100 %"], ["100 %"], [])


def test_an_update_of_a_display_that_nobody_shows_is_nothing():
    assert texts(outputs(display("a", "bar"), display("b", "other", "update_display_data"))) == ["a"]


def test_a_display_that_was_cleared_is_not_updated():
    seen = outputs(display("0 %", "bar"), message("clear_output", wait=True), display("done"))
    seen.see(display("100 %", "bar", "update_display_data"))
    assert texts(seen) == ["done"]


def test_updates_count_only_with_what_they_leave():
    states = [display(f"{number}" + "x" * 1_000_000, "bar", "update_display_data") for number in range(5)]
    seen = outputs(display("0", "bar"), *states, display("small"))
    assert texts(seen) == ["4" + "x" * 1_000_000, "small"]


def test_what_was_cleared_takes_no_room():
    states = [
        one for number in range(5) for one in (message("clear_output", wait=True), display(f"{number}" * 1_000_000))
    ]
    assert texts(outputs(*states)) == ["4" * 1_000_000]


def test_cleared_without_waiting_nothing_is_left_even_if_nothing_comes():
    assert outputs(display("0 %"), message("clear_output", wait=False)).as_notebook() == []
    assert texts(outputs(display("0 %"), message("clear_output", wait=True))) == ["0 %"]
