import os
import py_compile
import subprocess
import sys

from nb_builder.execute import dated_bytecode


def module(folder, name="module", **choices):
    source = folder / f"{name}.py"
    source.write_text("VALUE = 1\n")
    return source, folder / py_compile.compile(str(source), **choices)


def test_bytecode_and_source_get_the_date_and_python_takes_it_still(tmp_path):
    source, compiled = module(tmp_path)
    dated_bytecode.date(tmp_path, 1700000000)
    assert source.stat().st_mtime == 1700000000
    assert int.from_bytes(compiled.read_bytes()[8:12], "little") == 1700000000
    before = compiled.read_bytes()
    ran = subprocess.run([sys.executable, "-v", "-c", "import module"], cwd=tmp_path, capture_output=True, text=True)
    assert f"matches {source}" in ran.stderr.replace("'", "")
    assert compiled.read_bytes() == before


def test_bytecode_of_another_source_stays_stale(tmp_path):
    source, compiled = module(tmp_path)
    os.utime(source, (1600000000, 1600000000))
    before = compiled.read_bytes()
    dated_bytecode.date(tmp_path, 1700000000)
    assert (compiled.read_bytes(), source.stat().st_mtime) == (before, 1600000000)


def test_bytecode_that_goes_by_the_hash_has_no_date(tmp_path):
    _, compiled = module(tmp_path, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    before = compiled.read_bytes()
    dated_bytecode.date(tmp_path, 1700000000)
    assert compiled.read_bytes() == before


def test_a_source_that_a_cache_has_too_keeps_its_date(tmp_path):
    source, compiled = module(tmp_path)
    (tmp_path / "cache").hardlink_to(source)
    before, time = compiled.read_bytes(), source.stat().st_mtime
    dated_bytecode.date(tmp_path, 1700000000)
    assert (compiled.read_bytes(), source.stat().st_mtime) == (before, time)
