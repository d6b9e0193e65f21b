"""The bench of capacity: the simulation is what queueing theory says, and the page has the tables that it makes."""

import importlib
from pathlib import Path

import pytest

TEST = Path(__file__).parents[2]
PAGE = TEST.parent / "docs/explanation/capacity.md"
TABLES = ("costs", "replica", "scorers", "balancers", "fleets", "queues", "zones", "delays", "signals", "world")
COUNT = 40_000


@pytest.fixture
def bench(monkeypatch):
    """Return what imports a module as `make bench` finds it."""
    monkeypatch.syspath_prepend(TEST / "bench")
    return importlib.import_module


@pytest.fixture
def simulated(bench):
    """Return what simulates a service of these parts at a rate."""
    replicas = bench("replicas")

    def simulate(rate, count=COUNT, **parts):
        return replicas.simulate(replicas.Service(**{"call": (1.0, 0.0), **parts}), rate, count)

    return simulate


def exponential(chance):
    """Return what calls take that vary as much as a Poisson process's gaps."""
    return chance.expovariate(1.0)


@pytest.mark.parametrize(("servers", "offered", "waiting"), [(1, 0.8, 0.8), (2, 1.0, 1 / 3), (10, 8.0, 0.40918)])
def test_erlang_c_is_as_in_its_tables(bench, servers, offered, waiting):
    assert bench("queueing").erlang_c(servers, offered) == pytest.approx(waiting, rel=1e-4)


@pytest.mark.parametrize("servers", [1, 4])
def test_exponential_calls_take_as_long_as_erlang_says(bench, simulated, servers):
    queueing = bench("queueing")
    rate = 0.7 * servers
    outcome = simulated(rate, scorers=servers, spread=exponential).outcome
    assert outcome.mean() == pytest.approx(1 + queueing.wait(rate, 1.0, servers), rel=0.05)
    assert queueing.later_than(outcome.quantile(0.99), rate, 1.0, servers) == pytest.approx(0.01, rel=0.25)
    assert queueing.later_than(outcome.quantile(0.5), rate, 1.0, servers) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_equal_calls_wait_half_as_long(bench, simulated, busy):
    outcome = simulated(busy).outcome
    assert outcome.mean() - 1 == pytest.approx(busy / (2 * (1 - busy)), rel=0.06)
    assert outcome.mean() - 1 == pytest.approx(bench("queueing").wait(busy, 1.0, 1, 0.0), rel=0.06)


@pytest.mark.parametrize("rate", [1.0, 4.0, 8.0])
def test_calls_that_take_all_that_waits_are_the_chain_of_their_sizes(bench, simulated, rate):
    outcome = simulated(rate, call=(1.0, 0.1), batch=10**6).outcome
    queueing = bench("queueing")
    assert outcome.mean() == pytest.approx(queueing.cycle_latency(rate, 1.0, 0.1), rel=0.03)
    # And under load a cycle and a half, of which the sizes are what comes during one.
    cycle = queueing.cycle(rate, 1.0, 0.1)
    assert outcome.mean() == pytest.approx(1.5 * cycle, rel=0.12)
    if rate > 1:
        assert COUNT / outcome.calls == pytest.approx(rate * cycle, rel=0.1)


def test_four_scorers_on_two_cores_are_two_servers(bench, simulated):
    outcome = simulated(14_000, call=(1e-4, 0.0), scorers=4, cores=2, spread=exponential).outcome
    # Who is served does not matter where times are exponential: how many are inside does not depend on it.
    assert outcome.mean() == pytest.approx(1e-4 + bench("queueing").wait(14_000, 1e-4, 2), rel=0.05)


def test_a_core_goes_to_another_process_after_a_slice(simulated):
    # Two that come at once are not through one after the other.
    slices = simulated(1e9, 2, call=(0.01, 0.0), scorers=2, cores=1).outcome
    assert min(seconds for _, seconds in slices.answers) == pytest.approx(0.02, rel=0.1)


def test_what_is_inside_is_the_rate_by_the_time(simulated):
    replica = simulated(15_000, call=(1e-4, 0.0), scorers=2, turn=(1e-6, 2e-6), cores=2)
    mean = replica.outcome.inside / replica.now
    assert mean == pytest.approx(COUNT / replica.now * replica.outcome.mean())


def test_a_request_alone_is_two_turns_and_a_call(simulated):
    replica = simulated(0.001, 10, turn=(0.1, 0.2))
    assert [seconds for _, seconds in replica.outcome.answers] == pytest.approx([1 + 2 * 0.3] * 10)
    assert replica.outcome.front == pytest.approx(10 * 2 * 0.3)


def test_a_full_queue_rejects_the_surplus_and_bounds_the_wait(simulated):
    outcome = simulated(1.25, queue=20).outcome
    assert len(outcome.rejected) / COUNT == pytest.approx(1 - 1 / 1.25, rel=0.05)
    assert max(seconds for _, seconds in outcome.answers) <= 22


def test_what_is_sent_ahead_does_not_count_as_waiting(bench):
    replicas = bench("replicas")
    fast, slow = replicas.Service(call=(0.0001, 0.0)), replicas.Service(call=(0.02, 0.0))
    # Two milliseconds of work, the sample that is worked on among them.
    assert (fast.ahead(), slow.ahead()) == (19, 0)


def test_what_was_fitted_costs_what_was_measured(bench):
    capacity, replicas = bench("capacity"), bench("replicas")
    fitted = capacity.fit(capacity.Cost(100.0, 130.0, 1.0, 3000.0), capacity.Cost(60.0, 120.0, 1.0, 5000.0))
    outcome = replicas.most(fitted, clients=64).outcome
    assert outcome.front / len(outcome.answers) == pytest.approx(60e-6, rel=0.02)
    assert 2 * sum(fitted.turn) == pytest.approx(100e-6)
    assert fitted.call == pytest.approx((120e-6, 0.0))
    batched = capacity.fit(capacity.Cost(100.0, 130.0, 1.0, 3000.0), capacity.Cost(30.0, 40.0, 4.0, 20000.0))
    assert batched.call == pytest.approx((120e-6, 10e-6))


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table(bench, name):
    lines = bench("capacity_tables").TABLES[name]()
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8"), "\n".join(lines)


def test_each_table_is_looked_at(bench):
    assert tuple(bench("capacity_tables").TABLES) == TABLES
