"""What fuzzers of the runtime begin with, and how their target is compiled: for test_fuzz.py and `make fuzz-native`."""

from nb_native.runtime import build

from contract.test_edge_framing import CASES
from unit.nb_native.runtime import programs

# Which first bytes an input has for its place, as fuzz.c has them.
REQUESTS, MANY, SAMPLE, LINES, ARGUMENTS, NUMBER, SETTINGS = KINDS = (
    range(0x60),
    range(0x60, 0x70),
    range(0x70, 0xA0),
    range(0xA0, 0xC0),
    range(0xC0, 0xD0),
    range(0xD0, 0xF0),
    range(0xF0, 0x100),
)
SAMPLES = [
    b"[5.1, 3.5, 1.4, 0.2]",
    b'{"a": [1e5, -0.0, null], "b\\u00e9\\ud83d\\ude00": "x\\n", "a": true}',
    b'[[1, 2], {"refuse": "no"}, {"fail": 1}, 9007199254740993]',
    b'"' + "é€😀".encode() * 20 + b'"',
    b"[" * 30 + b"]" * 30,
    b"1" * 400 + b"." + b"7" * 900 + b"e-310",
]
SEEDS = {
    REQUESTS: [case.sent for case in CASES if len(case.sent) < 4000],
    MANY: [*SAMPLES, b'[1, {"fail": 1}, {"refuse": "no"}]', b"[1]", b"[1, 2, 3, 4, 5, 6, 7, 8, 9]"],
    SAMPLE: SAMPLES,
    LINES: [b"1,2\n  3 , 4\r\n[5]\n\nx\n" + b'{"fail": 1}\n"text"\n-1.5', b"\n".join(SAMPLES)],
    ARGUMENTS: [b"5.1\x003.5\x001.4", b'{"a": 1}', b"--help", b"--port\x0080", b"-5\x001e3", b"", b"-\x00-"],
    NUMBER: [b"0.1", b"-2.2250738585072014e-308", b"1" * 30, b"5e-324", b"1.7976931348623159e308", SAMPLES[-1]],
    SETTINGS: [b"PORT=80\x00S2I_MAX_BODY=1e3", b"S2I_RECEIVE_TIMEOUT=0.2\x00S2I_GRACE=", b"S2I_HOST=::\x00PORT=abc"],
}
WORDS = [
    *(b"\r\n", b"\n", b"\0", b":", b"chunked", b"0\r\n\r\n", b"Content-Length: 1\r\n", b"\\ud800", b"e999", b"["),
    *(b'"', b"{", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"POST /predict", b"HTTP/1.1"),
]
# Without libFuzzer's words. nb_main.c has a main of its own.
COMPILED = ["-Dmain=nb_main", "-std=gnu11", "-g", "-O1", "-fno-sanitize-recover=all", f"-I{build.FOLDER}"]


def files():
    """Return the C files of the target: all but what stands in for libc."""
    left_out = ("nb_start_x86_64.c", "nb_start_aarch64.c", "nb_memory.c")
    runtime = [path for path in build.sources() if path.name not in left_out]
    return [str(path) for path in (programs.HERE / "fuzz.c", programs.HERE / "echo.c", *runtime)]
