"""The command line of a native program: arguments, lines of standard input, and what is said where it is wrong."""

import json
import subprocess

import pytest

from unit.nb_native.runtime import programs


@pytest.fixture(scope="module", params=["echo", "echo-sanitized"])
def run(request, folder, echo, sanitized):
    """Return a function that runs the program with arguments and an input; the same with sanitizers."""
    program = {"echo": echo, "echo-sanitized": sanitized}[request.param]

    def call(*arguments, said=b"", **env):
        env = {"ASAN_OPTIONS": "detect_leaks=0", **env}
        return subprocess.run([program, *arguments], input=said, capture_output=True, env=env, timeout=programs.SOON)

    return call


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["5.1", "3.5", "1.4", "0.2"], "[5.1, 3.5, 1.4, 0.2]"),
        (["-5", "1e3"], "[-5, 1000.0]"),
        (["5"], "5"),
        (["-5.5"], "-5.5"),
        ([" [5]"], "[5]"),
        (["[5, 6]"], "[5, 6]"),
        (['{"a": [1, "é"]}'], '{"a": [1, "é"]}'),
        (['"text"'], '"text"'),
        (["null"], "null"),
        (["[1, 2]", "[3, 4]"], "[[1, 2], [3, 4]]"),
    ],
)
def test_arguments_are_a_sample(run, arguments, answer):
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout.decode(), ended.stderr) == (0, answer + "\n", b"")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["5.1", "x"], "The sample is not JSON: Expecting value: line 1 column 7 (char 6)."),
        ([""], "The sample is not JSON: Expecting value: line 1 column 1 (char 0)."),
        (["{"], "The sample is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        (["9007199254740993"], "The sample has a whole number beyond 2^53, which this image can't represent."),
        (['{"refuse": "too long!"}'], "The notebook's validator rejects this sample: too long!"),
        (['{"refuse": 1}'], "The notebook's validator rejects this sample."),
        (['{"raise": 1}'], "The notebook's validator rejects this sample."),
        (['{"fail": 1}'], "The notebook's predictor failed on this sample."),
        (['{"long": 20000000}'], "The answer is larger than this image sends; send less at a time."),
    ],
)
def test_what_gets_no_answer_is_explained(run, arguments, what):
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.decode() == (
        f"ERROR: {what}\n"
        "  Why: Several arguments are the numbers of one sample; a single argument is the sample as JSON.\n"
        "  Fix: Correct the sample; --help shows all forms.\n"
    )


def test_each_line_has_its_answer_in_its_place(run):
    ended = run("-", said=b'1,2\n  3 , 4\r\n[5]\n\n{"refuse": "no"}\n{"fail": 1}\nx,1\n"text"\n-1.5')
    assert ended.returncode == 1
    assert [json.loads(line) for line in ended.stdout.splitlines()] == [
        [1, 2],
        [3, 4],
        [5],
        {"error": "The line is not JSON: Expecting value: line 1 column 1 (char 0)."},
        {"error": "The notebook's validator rejects this sample: no."},
        {"error": "The notebook's predictor failed on this sample."},
        {"error": "The line is not JSON: Expecting value: line 1 column 1 (char 0)."},
        "text",
        -1.5,
    ]
    assert ended.stderr == b""


def test_lines_that_all_have_answers_end_well(run):
    samples = [[number, number / 8] for number in range(50_000)]
    ended = run("-", said="".join(f"{one},{other}\n" for one, other in samples).encode())
    assert ended.returncode == 0
    assert [json.loads(line) for line in ended.stdout.splitlines()] == samples


def test_a_line_that_is_too_long_is_passed_over(run):
    ended = run("-", said=b"1\n" + b"[" + b" " * (3 << 20) + b"]\n2\n" + b" " * (1 << 20))
    assert ended.returncode == 1
    too_long = '{"error": "The line is longer than a megabyte."}'
    assert ended.stdout.decode().splitlines() == ["1", too_long, "2", too_long]


def test_no_lines_are_no_answers(run):
    ended = run("-")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_an_answer_comes_as_soon_as_its_line(echo):
    with subprocess.Popen([echo, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        for sample in (b"[1]\n", b"[2]\n"):
            process.stdin.write(sample)
            assert process.stdout.readline() == sample


def test_an_output_that_no_one_takes_is_an_error(echo):
    # Standard output is closed before the program begins.
    ended = subprocess.run(["/bin/sh", "-c", f"{echo} 1 >&-"], capture_output=True, check=False)
    assert ended.returncode == 1


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_shows_all_forms(run, option):
    ended = run(option)
    assert (ended.returncode, ended.stderr) == (0, b"")
    for form in ("5.1 3.5", "model -", "serve", "PORT", "S2I_MAX_BODY"):
        assert form in ended.stdout.decode()


def test_an_option_that_is_none_is_rejected(run):
    ended = run("--port", "80")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"ERROR: --port is no option of this program.\n  Why: ")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "abc", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "1.5", "a whole number from 0 to 65535"),
        ("PORT", "1 2", "a whole number from 0 to 65535"),
        ("S2I_MAX_BODY", "0", "a whole number from 1 to 1073741824"),
        ("S2I_RECEIVE_TIMEOUT", "0.1", "a number from 0.2 to 86400"),
        ("S2I_GRACE", "-1", "a number from 0 to 3600"),
        ("S2I_LINGER", "NaN", "a number from 0 to 3600"),
    ],
)
def test_a_setting_is_taken_as_written_or_rejected(run, name, value, expected):
    ended = run(**{name: value})
    assert ended.returncode == 2
    assert ended.stderr.decode() == (
        f"ERROR: {name}='{value}' is not {expected}.\n"
        "  Why: The program does not guess the meaning of an invalid value.\n"
        "  Fix: Correct it, or unset it to use its default.\n"
    )


@pytest.mark.parametrize("host", ["localhost", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.4 ", "::1", "a" * 5000])
def test_a_host_that_is_no_address_is_rejected(run, host):
    ended = run(S2I_HOST=host)
    assert ended.returncode == 1
    assert b"Why: A native program does not resolve host names." in ended.stderr


def test_a_port_that_is_taken_is_said(run, echo):
    with programs.Served(echo) as served:
        ended = run("serve", PORT=str(served.port), S2I_HOST="127.0.0.1")
    assert ended.returncode == 1
    assert ended.stderr.decode() == (
        f"ERROR: Can't listen on 127.0.0.1 port {served.port}: Address already in use.\n"
        "  Why: A service needs a free port that this user may listen on.\n"
        "  Fix: Set PORT to a free port above 1023, or stop the process that listens there.\n"
    )
