"""What is said of a call before it is made."""

import datetime as dt
import functools
import io
import random
import secrets
import socket
import subprocess
import time
import urllib.request
import uuid

import numpy as np
import pandas as pd
import pytest
from nb_scorer.batching import known_calls

RANDOM, CLOCK = "draws random numbers", "reads the clock"
OUTSIDE = "reads or writes outside the process"


@pytest.mark.parametrize(
    ("called", "effect"),
    [
        (random.random, RANDOM),
        (random.Random(1).choice, RANDOM),
        (random.SystemRandom().random, RANDOM),
        (secrets.token_hex, RANDOM),
        (uuid.uuid4, RANDOM),
        (np.random.rand, RANDOM),
        (np.random.RandomState(0).normal, RANDOM),
        (np.random.default_rng, RANDOM),
        (np.random.default_rng(0).normal, RANDOM),
        (time.time, CLOCK),
        (time.sleep, "waits, so the other samples of a batch would wait, too"),
        (time.perf_counter, CLOCK),
        (dt.datetime.now, CLOCK),
        (dt.date.today, CLOCK),
        (open, OUTSIDE),
        (input, OUTSIDE),
        (io.open, OUTSIDE),
        (subprocess.run, OUTSIDE),
        (socket.socket, OUTSIDE),
        (urllib.request.urlopen, OUTSIDE),
        (len, None),
        (time.strftime, None),
        (dt.datetime.fromisoformat, None),
        (np.array, None),
        (np.linalg.norm, None),
        (pd.DataFrame, None),
        (functools.partial(len), None),
        (print, None),
        (object(), None),
    ],
)
def test_the_effects_of_a_call_are_known(called, effect):
    assert known_calls.effect_of(called) == effect


def test_a_class_is_known_by_its_package_and_name_wherever_it_is_defined():
    assert known_calls.is_one_of(pd.DataFrame, known_calls.BUILT_LATER)
    assert known_calls.is_one_of(np.errstate, known_calls.LIFTED)
    assert not known_calls.is_one_of(pd.Series, known_calls.BUILT_LATER)
    assert not known_calls.is_one_of(3, known_calls.BUILT_LATER)
