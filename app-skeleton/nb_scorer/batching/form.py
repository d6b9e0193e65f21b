"""The batch form of a predictor: all samples share one call of a model.

A generator per sample pauses at the call. If the predictor has stages, all samples run from one call to the next
together.
"""

import os
import time

from nb_scorer.batching import joining, straight_line
from nb_scorer.batching.steps import raised_within

# The maximum number of rows in a shared call, which is the largest number that verification tries.
MAX_TOGETHER = 1024
# The maximum number of samples in progress: a body may contain a million, and each started sample takes memory.
MAX_UNDER_WAY = 1024


class Failure(object):
    """An exception raised by a sample's own code, or by the model when called for it alone."""

    def __init__(self, error):
        self.error = error

    def taken(self):
        """Return the error, and remove it from this object.

        The error's traceback refers to frames that refer back to this object, with all their samples.
        """
        error, self.error = self.error, None
        return error


class BatchForm(object):
    """A predictor's batch form: `score` returns predictor's results for many samples.

    It is pickled together with predictor, whose globals it shares. `stops` are the texts of the shared calls; `source`
    is the source of the derived functions, for readers.
    """

    def __init__(self, steps, receiver, fixed, stops, source):
        """Store predictor's Steps, its `receiver` or None, and `fixed` = (args, keywords) of a partial."""
        self._steps = steps
        self._first = fixed[0] if receiver is None else (receiver,) + fixed[0]
        self._keywords = fixed[1]
        self.stops = stops
        self.source = source

    def __reduce__(self):
        first = self._first
        return _rebuilt, (self._steps, first, self._keywords, self.stops, self.source)

    def begin(self, args, keywords):
        """Return the generator for one sample, called with `args` and `keywords`."""
        if not keywords and not self._keywords:
            return self._steps.begin(*(self._first + args))
        return self._steps.begin(*(self._first + args), **dict(self._keywords, **keywords))

    def score(self, calls, watch=None, most=MAX_TOGETHER, in_copy=None):
        """Return, for each (args, keywords) of `calls`, the result of predictor or its Failure.

        Never raises an exception of a sample's code, including SystemExit: that is the sample's Failure. `watch` (see
        nb_scorer.batching.watch) may also call the model for single rows and use these results; if the two differ, this
        call and all later ones are repeated row by row. `in_copy` is called if a step of a sample's code finished in a
        different process than it started in, with the error that stopped it or None.
        """
        contexts = []
        try:
            for factory, args, keywords in self._steps.contexts:
                context = factory(*args, **keywords)
                context.__enter__()
                contexts.append(context)
            outcomes: list = []
            for first in range(0, len(calls), MAX_UNDER_WAY):
                drive = _Drive(watch, most, in_copy)
                some = calls[first : first + MAX_UNDER_WAY]
                if self._has_stages_for(some):
                    outcomes += drive.run_in_stages(self._steps.stages, self._first, self.begin, some)
                else:
                    outcomes += drive.run(self.begin, some)
            return outcomes
        finally:
            for context in reversed(contexts):
                context.__exit__(None, None, None)

    def _has_stages_for(self, calls):
        """Return whether all stages accept these samples; a single sample is faster as a generator."""
        if not self._steps.stages or self._keywords or len(calls) < 2:
            return False
        if any(keywords or len(args) != 1 for args, keywords in calls):
            return False
        return straight_line.PLAIN.issuperset([type(args[0]) for args, _ in calls])


def _rebuilt(steps, first, keywords, stops, source):
    return BatchForm(steps, None, (first, keywords), stops, source)


class _Drive(object):
    """A batch in progress: which generators wait at which call."""

    def __init__(self, watch, most, in_copy):
        self._watch = watch
        self._most = most
        self._in_copy = in_copy
        self._pid = os.getpid()
        self._outcomes = []
        self._waiting = []

    def run(self, begin, calls):
        self._outcomes = [None] * len(calls)
        begun = []
        for index, (args, keywords) in enumerate(calls):
            try:
                generator = begin(args, keywords)
            # It raises for arguments that the function does not accept.
            except BaseException as error:
                self._outcomes[index] = Failure(error)
            else:
                begun.append((index, generator, generator.send, None))
        self._advance(begun)
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for group in self._groups(waiting):
                self._answer(group)
        return self._outcomes

    def run_in_stages(self, stages, first, begin, calls):
        """Do the same as `run`, with the functions in `first` for all samples.

        A sample for which a stage fails is repeated as a generator.
        """
        self._outcomes = [None] * len(calls)
        rows = _Rows(calls)
        answers: list = []
        for number, stage in enumerate(stages, 1):
            alike, values, raised = rows.values_of(stage, first)
            self._replay(rows.leave(raised), begin, calls)
            if number == len(stages):
                answers = values
            elif values:
                stops = values if alike is None else joining.Stops(alike, values)
                results = self._results_of_all(stops)
                rows.add(stops[0][0], results)
                if Failure in set(map(type, results)):
                    failed = [at for at, result in enumerate(results) if type(result) is Failure]
                    self._replay(rows.leave(failed), begin, calls)
        for place, answer in zip(rows.places, answers):
            self._outcomes[place] = answer
        return self._outcomes

    def _results_of_all(self, stops):
        key = joining.key_of_all(stops) if type(stops) is joining.Stops else None
        if key is not None:
            return [result for some in joining.chunks(stops, self._most) for result in self._results(key, some)]
        results = [None] * len(stops)
        for key, group in self._groups([(at, None, stop) for at, stop in enumerate(stops)]):
            for (at, _, _), result in zip(group, self._results(key, [stop for _, _, stop in group])):
                results[at] = result
        return results

    def _replay(self, left, begin, calls):
        """Run the generators of samples that left the stages to their ends, feeding them the results so far."""
        for place, results in left:
            generator = begin(*calls[place])
            self._advance([(place, generator, generator.send, None)])
            while self._waiting:
                _, _, stop = entry = self._waiting.pop()
                result = results[stop[0]] if stop[0] in results else _alone(stop)
                self._send([entry], [result])

    def _advance(self, entries):
        """Run each of `entries`, (index, generator, its send or throw, the argument), to its next stop."""
        outcomes, wait, pid, getpid = self._outcomes, self._waiting.append, self._pid, os.getpid
        for index, generator, step, value in entries:
            raised = None
            try:
                wait((index, generator, step(value)))
            except StopIteration as stop:
                outcomes[index] = stop.value
            # Including SystemExit and KeyboardInterrupt, so that a notebook's exit() fails only one prediction.
            except BaseException as error:
                # Our frames would keep the outcomes alive, and these the error, until garbage is collected.
                raised = _without_our_frames(raised_within(error))
                outcomes[index] = Failure(raised)
            if getpid() != pid and self._in_copy is not None:
                self._in_copy(raised)
        # This frame and the traceback of an error, caught or thrown, would keep each other alive.
        raised = value = entries = None

    def _groups(self, waiting):
        """Yield lists of entries in `waiting` that can share a call, with their key, ordered by their first entry."""
        if len(waiting) == 1:
            yield None, waiting
            return
        by_key: dict = {}
        order: list = []
        for entry in waiting:
            key = joining.key_of(entry[2])
            if key is None:
                order.append((None, [entry]))
            elif key in by_key:
                by_key[key].append(entry)
            else:
                by_key[key] = [entry]
                order.append((key, by_key[key]))
        for key, entries in order:
            if len(entries) == 1:
                yield None, entries
                continue
            begin = 0
            for chunk in joining.chunks([entry[2] for entry in entries], self._most):
                yield key, entries[begin : begin + len(chunk)]
                begin += len(chunk)

    def _answer(self, group):
        key, entries = group
        self._send(entries, self._results(key, [entry[2] for entry in entries]))

    def _send(self, entries, results):
        self._advance(
            [
                (index, generator, generator.throw, _without_our_frames(result.taken()))
                if type(result) is Failure
                else (index, generator, generator.send, result)
                for (index, generator, _), result in zip(entries, results)
            ]
        )

    def _results(self, key, stops):
        watch = self._watch
        if len(stops) == 1:
            return [_alone(stops[0])]
        if watch is not None and watch.ended:
            return self._each_alone(stops)
        results, asked_alone, begun = None, False, time.perf_counter()
        try:
            results = joining.call_together(stops)
        except joining.NotRowwise:
            asked_alone = True
        # Including a library's exit().
        except BaseException:
            results = None
        # Outside the except clause, so that the error doesn't become the context of other samples' errors.
        if asked_alone:
            if watch is not None:
                watch.end(stops[0], None, None)
            return self._each_alone(stops)
        if results is None:
            # Split in halves to find the sample that caused the error, so that no other sample gets it.
            half = len(stops) // 2
            return self._results(key, stops[:half]) + self._results(key, stops[half:])
        return results if watch is None else self._watched(key, stops, results, time.perf_counter() - begun)

    def _watched(self, key, stops, results, seconds):
        """Return `results`, with watched rows replaced by the model's results for them alone; all, if one differs."""
        own: dict = {}
        begun = time.perf_counter()
        for place in self._watch.choose(key, len(stops), seconds):
            own[place] = alone = _alone(stops[place], joining.call_aside)
            together = joining.now(results[place])
            if not self._watch.compare(stops[place], alone, together):
                return self._each_alone(stops, own)
        if own:
            self._watch.asked_alone(key, len(own), time.perf_counter() - begun)
        if self._watch.sends_alone:
            for place, alone in own.items():
                results[place] = alone
        return results

    def _each_alone(self, stops, known=None):
        """Return the result of each stop called alone, unless `known` has a result at its index."""
        results = []
        for place, stop in enumerate(stops):
            results.append(known[place] if known and place in known else _alone(stop))
            if self._watch is not None:
                self._watch.note_progress()
        return results


class _Rows(object):
    """Samples passing through stages: the position of each in its batch, and its results so far."""

    def __init__(self, calls):
        self.places = list(range(len(calls)))
        self._columns = [[args[0] for args, _ in calls]]
        self._stops = []

    def values_of(self, stage, first):
        """Return a stage's values for the samples, and the samples without a value because the stage raised."""
        try:
            return (*stage(*first, zip(*self._columns)), [])
        except Exception:
            alike, values, raised = None, [], []
        for at, row in enumerate(zip(*self._columns)):
            try:
                alike, value = stage(*first, [row])
                values += value
            except Exception:
                raised.append(at)
        return alike, values, raised

    def add(self, number, results):
        """Record the results of the stop with this number."""
        self._stops.append(number)
        self._columns.append(results)

    def leave(self, which):
        """Remove the samples at these indexes; return (position, {stop number: result}) for each."""
        if not which:
            return []
        left = [(self.places[at], dict(zip(self._stops, [one[at] for one in self._columns[1:]]))) for at in which]
        gone = set(which)
        kept = [at for at in range(len(self.places)) if at not in gone]
        self.places = [self.places[at] for at in kept]
        self._columns = [[one[at] for at in kept] for one in self._columns]
        return left


def _alone(stop, call=joining.call_alone):
    try:
        return call(stop)
    except BaseException as error:
        return Failure(error)


def _without_our_frames(error):
    """Return `error` without the frames of this package, as if the author's own code had called the model."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("nb_scorer.batching"):
        frame = frame.tb_next
    return error.with_traceback(frame)


def comes_from(function):
    """Return (function or method, (args, keywords)) after unwrapping partials and callable objects."""
    args: tuple = ()
    keywords: dict = {}
    while hasattr(function, "func") and hasattr(function, "keywords"):
        args, keywords = function.args + args, dict(function.keywords, **keywords)
        function = function.func
    return function, (args, keywords)
