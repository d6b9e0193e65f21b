"""Lines that hold on another machine only."""

from nb_builder.requirements.sources import elsewhere


def portable(*lines):
    return elsewhere.portable(lines)


def test_a_package_for_another_system_gets_its_marker():
    lines, notes = portable("pywin32==306", "appnope", "PyWin32 ; sys_platform == 'win32'")
    assert lines == [
        "pywin32==306 ; sys_platform == 'win32'",
        "appnope ; sys_platform == 'darwin'",
        "PyWin32 ; sys_platform == 'win32'",
    ]
    assert notes == [
        "left out, because it is for Windows only: pywin32",
        "left out, because it is for macOS only: appnope",
    ]


def test_a_file_of_another_machine_is_taken_by_its_name():
    lines, notes = portable(
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
    assert "3 lines name a file on another machine" in notes[1]
    assert "S2I_RESOLVE_AS_OF=2023-06-26" in notes[1]


def test_a_file_that_is_there_and_an_address_stay(tmp_path):
    wheel = tmp_path / "own-1.0-py3-none-any.whl"
    wheel.touch()
    lines = [f"own @ {wheel.as_uri()}", "git @ git+https://example.org/a.git", "--index-url https://example.org/simple"]
    assert portable(*lines) == (lines, [])


def test_several_packages_for_another_system_are_one_note():
    _lines, notes = portable("pywin32", "Py_Win-ctl", "wmi ", "WMI==1")
    assert notes == ["left out, because it is for Windows only: pywin32, wmi, wmi"]


def test_files_of_another_machine_are_reported_by_the_first_three():
    one = ["numpy @ file:///gone/numpy-1.26.4.tar.gz"]
    assert portable(*one)[1] == ["1 line names a file on another machine; replaced with numpy==1.26.4"]
    three = [*one, "six[x]@file:///gone/work", "idna @ file:///gone/idna.whl"]
    assert portable(*three)[1] == ["3 lines name a file on another machine; replaced with numpy==1.26.4, six, idna"]
    assert portable(*three, *one)[1] == [
        "4 lines name a file on another machine; replaced with numpy==1.26.4, six, idna and so on"
    ]


def test_the_newest_of_conda_s_builds_gives_the_day():
    lines = ["six @ file:///croot/six_1644875935023/work", "idna @ file:///croot/idna_1666125576474/work"]
    (note,) = portable(*lines)[1]
    assert note.startswith(
        "2 lines name a file on another machine; replaced with six, idna. conda built the newest on "
    )
    assert note.endswith(" on 2022-10-18, so S2I_RESOLVE_AS_OF=2022-10-18 comes close to those packages")


def test_the_name_of_a_line_is_normalised_and_an_address_has_none():
    names = {"Scikit_Learn>=1": "scikit-learn", "a.b @ https://x/y": "a-b", "https://x/y": "", "-r x": "", "./lib": ""}
    assert {line: elsewhere.name_of(line) for line in names} == names
