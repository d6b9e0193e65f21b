"""Lines that hold on another machine only."""

from nb_builder.requirements.sources import elsewhere


def mended(*lines):
    return elsewhere.mended(lines)


def test_a_package_for_another_system_gets_its_marker():
    lines, notes = mended("pywin32==306", "appnope", "PyWin32 ; sys_platform == 'win32'")
    assert lines == [
        "pywin32==306 ; sys_platform == 'win32'",
        "appnope ; sys_platform == 'darwin'",
        "PyWin32 ; sys_platform == 'win32'",
    ]
    assert notes == ["left out, as it is for Windows only: pywin32", "left out, as it is for macOS only: appnope"]


def test_a_file_of_another_machine_is_taken_by_its_name():
    lines, notes = mended(
        "numpy @ file:///croot/numpy_1687808356345/work",
        "six @ file:///C:/Users/a/six-1.16.0-py2.py3-none-any.whl ; python_version > '3'",
        "attrs @ file:///home/a/attrs-23.1.0.tar.gz#sha256=00",
        "pywin32 @ file:///C:/b/abs_1/croot/pywin32_1/work",
    )
    assert lines == [
        "numpy",
        "six==1.16.0 ; python_version > '3'",
        "attrs==23.1.0",
        "pywin32 ; sys_platform == 'win32'",
    ]
    assert "3 lines name a file of another machine" in notes[1]
    assert "S2I_RESOLVE_AS_OF=2023-06-26" in notes[1]


def test_a_file_that_is_there_and_an_address_stay(tmp_path):
    wheel = tmp_path / "own-1.0-py3-none-any.whl"
    wheel.touch()
    lines = [f"own @ {wheel.as_uri()}", "git @ git+https://example.org/a.git", "--index-url https://example.org/simple"]
    assert mended(*lines) == (lines, [])
