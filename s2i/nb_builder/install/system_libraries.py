"""Finds the Debian package of a missing library or program, from an error's message."""

import re

# {name that the dynamic loader can't find: Debian package}
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLU.so.1": "libglu1-mesa",
    "libOpenGL.so.0": "libopengl0",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libcairo.so.2": "libcairo2",
    "libfontconfig.so.1": "libfontconfig1",
    "libgdk_pixbuf-2.0.so.0": "libgdk-pixbuf-2.0-0",
    "libgfortran.so.5": "libgfortran5",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libmagic.so.1": "libmagic1",
    "libmariadb.so.3": "libmariadb3",
    "libodbc.so.2": "libodbc2",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libportaudio.so.2": "libportaudio2",
    "libpq.so.5": "libpq5",
    "libsndfile.so.1": "libsndfile1",
    "libspatialindex_c.so.6": "libspatialindex-c6",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libxcb.so.1": "libxcb1",
    "libzbar.so.0": "libzbar0",
}
PROGRAMS = {
    "R": "r-base-core",
    "Rscript": "r-base-core",
    "c++": "g++",
    "cc": "gcc",
    "chromedriver": "chromium-driver",
    "cmake": "cmake",
    "convert": "imagemagick",
    "curl": "curl",
    "dot": "graphviz",
    "ffmpeg": "ffmpeg",
    "g++": "g++",
    "gcc": "gcc",
    "gfortran": "gfortran",
    "git": "git",
    "gs": "ghostscript",
    "java": "default-jre-headless",
    "latex": "texlive-latex-base",
    "make": "make",
    "mysql_config": "default-libmysqlclient-dev",
    "neato": "graphviz",
    "node": "nodejs",
    "pandoc": "pandoc",
    "pdflatex": "texlive-latex-base",
    "pdftoppm": "poppler-utils",
    "pdftotext": "poppler-utils",
    "pg_config": "libpq-dev",
    "pkg-config": "pkg-config",
    "sox": "sox",
    "swig": "swig",
    "tesseract": "tesseract-ocr",
    "unzip": "unzip",
    "wget": "wget",
    "wkhtmltopdf": "wkhtmltopdf",
    "xelatex": "texlive-xetex",
}
_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
# Messages about a missing program, of Python and of packages that call one; the group is the program's name.
_PROGRAM = (
    re.compile(r"No such file or directory: (?:\w+\()?['\"]([\w+-]+)['\"]"),
    re.compile(r"failed to execute (?:\w+\()?\[?['\"]([\w+-]+)['\"]"),
    re.compile(r"['\"]([\w+-]+)['\"] not found in path"),
    re.compile(r"([\w+-]+) is not installed or it's not in your PATH"),
    re.compile(r"Error: (pg_config|mysql_config) executable not found"),
    re.compile(r"(?:/bin/)?sh: (?:line )?\d+: ([\w+-]+): not found"),
    re.compile(r"Cannot find command '([\w+-]+)'"),
)
_BY_PHRASE = {
    "Bad git executable": "git",
    "Git executable not found": "git",
    "Java gateway process exited": "java",
    "Is poppler installed and in PATH": "pdftoppm",
    "No wkhtmltopdf executable found": "wkhtmltopdf",
}


def missing(message: str) -> tuple[str, str] | None:
    """Return (missing name, the package that contains it) from an error's `message`; None if neither is known."""
    library = _LIBRARY.search(message)
    if library:
        return (library[1], LIBRARIES[library[1]]) if library[1] in LIBRARIES else None
    for pattern in _PROGRAM:
        match = pattern.search(message)
        # The missing file may be of any kind; only a known name is certainly a program.
        if match and match[1] in PROGRAMS:
            return _program(match[1])
    return next((_program(name) for phrase, name in _BY_PHRASE.items() if phrase in message), None)


def _program(name: str) -> tuple[str, str]:
    return f"the program '{name}'", PROGRAMS[name]
