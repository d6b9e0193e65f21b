from nb_service.front.budget import SMALL, Budget


def test_large_bodies_leave_an_eighth_to_small_ones():
    budget = Budget(8 * SMALL)
    budget.take(7 * SMALL - 1)
    assert not budget.is_full()
    budget.take(1)
    assert budget.is_full()
    assert budget.is_full(SMALL + 1)
    assert not budget.is_full(SMALL)
    budget.take(SMALL)
    assert budget.is_full(1)


def test_who_waits_is_called_as_soon_as_there_is_room_and_not_before():
    budget, called = Budget(1000), []
    budget.take(1000)
    budget.wait(lambda: called.append(1))
    budget.wait(lambda: (called.append(2), budget.take(900)))
    budget.wait(lambda: called.append(3))
    budget.give(1)
    assert called == []
    budget.give(200)
    assert called == [1, 2]
    budget.give(900)
    assert called == [1, 2, 3]


def test_a_small_body_behind_a_large_one_does_not_wait_for_the_room_that_that_one_needs():
    budget, called = Budget(8 * SMALL), []
    budget.take(8 * SMALL)
    budget.wait(lambda: called.append("large"), 2 * SMALL)
    budget.wait(lambda: called.append("small"), 1)
    budget.give(1)
    assert called == ["small"]
    budget.give(SMALL)
    assert called == ["small", "large"]


def test_who_does_not_wait_any_more_is_not_called():
    budget, called = Budget(10), []
    budget.take(10)

    def call():
        called.append(1)

    budget.wait(call)
    budget.stop_waiting(call)
    budget.stop_waiting(call)
    budget.give(10)
    assert called == []
