"""Files in samples, such as pictures and sound: determines which arguments are files, and converts files to arguments.

Libraries of the notebook are imported only when a sample needs them. The memory that a file needs is checked before it
is decoded.
"""

import array
import base64
import binascii
import contextlib
import fcntl
import inspect
import io
import json
import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import typing
import urllib.parse
import warnings

from nb_scorer.model import json_codec, multipart
from nb_scorer.model.misfit import Misfit

# The forms in which predictor can receive a file. Their names are part of the manifest and of the pickle.
IMAGE, ARRAY, STREAM, BYTES, PATH = "image", "array", "stream", "bytes", "path"
# The media types of a body that is a file, by kind; * stands for all subtypes.
_ANY = ("image/*", "audio/*", "video/*", "application/pdf", "application/octet-stream")
MEDIA_TYPES = {
    IMAGE: ("image/*", "application/octet-stream"),
    ARRAY: ("image/*", "application/octet-stream"),
    STREAM: _ANY,
    BYTES: _ANY,
    PATH: _ANY,
}
OCTETS = "application/octet-stream"
NPY = "application/x-npy"
_NPY_MAGIC = b"\x93NUMPY"
# Pillow's formats that contain pixels. Others run programs (EPS) or draw (WMF).
_FORMATS = (
    *("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "ICO"),
    *("JPEG2000", "AVIF", "HEIF", "TGA"),
)
# The usual extension of each media type. Not Python's table, which depends on files of the system.
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/tiff": "tif",
    "image/bmp": "bmp",
    "image/svg+xml": "svg",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/jp2": "jp2",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "application/pdf": "pdf",
    NPY: "npy",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/html": "html",
    "text/markdown": "md",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/xml": "xml",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_TYPES = dict(
    {extension: media_type for media_type, extension in _EXTENSIONS.items()},
    wav="audio/wav",
    jpeg="image/jpeg",
    tiff="image/tiff",
    htm="text/html",
)
_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")
# The formats that Pillow can write and browsers can show.
_OWN_FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
}
# The classes of figures.
_MATPLOTLIB, _PLOTLY = ("matplotlib.figure", "Figure"), ("plotly.basedatatypes", "BaseFigure")
# Picture modes with more than 8 bits per value, and their array types.
_WIDE = {"I": "i", "F": "f", "I;16": "H"}
JSON = "application/json"
# Of an Accept header. Browsers send less than ten.
MAX_RANGES = 100
# As of those that are not in a form (see nb_service.request_calls).
MAX_PARAMETER_BYTES = 1 << 16
# The only form field in the original prototype's forms: the sample as JSON.
JSON_FIELD = "json_args"
_HEAD = struct.Struct("!I")
# A frame of a GIF starts (2C) where a block ends (00), so this count is never lower than Pillow's.
_GIF_FRAME = b"\x00\x2c"


class Limits(object):
    """Limits for decoding pictures: pixels per picture and per frame, and number of frames.

    `items` is the maximum size in bytes of the list of a stream's items.
    """

    def __init__(self):
        # By default, the number above which Pillow warns.
        self.set()

    def set(self, pixels=89478485, frames=1000, items=1 << 27):
        """Set the limits of this process."""
        self.pixels = pixels
        self.frames = frames
        self.items = items


# Set once per process, before the first sample; the build uses the defaults.
limits = Limits()


class Part(object):
    """A file in a request: its bytes, and the media type and name that the client sent, or None."""

    __slots__ = ("content", "media_type", "name")

    def __init__(self, content, media_type=None, name=None):
        self.content = content
        self.media_type = media_type
        self.name = name


# --- files in JSON ---


def data_url(content, media_type):
    """Return these bytes as a data: URL."""
    return "data:{};base64,{}".format(media_type, base64.b64encode(content).decode("ascii"))


def part_of(value):
    """Return the Part for a value in JSON; raise ValueError if it is not a file."""
    if type(value) is Part:
        return value
    # The form {"picture": {"b64": …}}, with an argument's name, in which TensorFlow Serving's clients send bytes.
    for _ in range(2):
        if type(value) is dict and len(value) == 1:
            (value,) = value.values()
    if type(value) is not str:
        raise ValueError("it is not a string")
    url = _DATA_URL.match(value)
    if url is None:
        return Part(_from_base64(value))
    media_type, parameters, data = url.group(1), url.group(2).lower().split(";"), value[url.end() :]
    content = _from_base64(data) if "base64" in parameters else urllib.parse.unquote_to_bytes(data)
    return Part(content, media_type.lower() or None)


def _from_base64(text):
    return base64.b64decode(text.encode("ascii"), validate=True)


# --- readers, which become part of the pickle ---


class File(object):
    """Converts a file (a Part, or its JSON form) to an argument of predictor, according to `kind`."""

    def __init__(self, kind):
        self.kind = kind
        self.noun = _NOUNS[kind]

    def __reduce__(self):
        """Return how to pickle this: by its kind."""
        return File, (self.kind,)

    def __call__(self, value):
        """Return the picture, bytes, stream, array or path; raise Misfit if it is not a file or can't be decoded."""
        if self.kind == ARRAY and type(value) is list:
            return _array_of_list(value)
        try:
            part = part_of(value)
        except (ValueError, binascii.Error):
            if isinstance(value, str) and value.startswith(("http://", "https://")):
                text = "is a URL, and files are fetched only from the hosts of S2I_FETCH_HOSTS, for HTTP requests"
                raise Misfit([((), text)]) from None
            raise Misfit([((), "must be {}".format(self.noun))]) from None
        return _MAKERS[self.kind](part)


_IN_JSON = 'as a part of a form, or in JSON as a data: URL, base64 or {"b64": base64}'
_NOUNS = {
    IMAGE: "a picture " + _IN_JSON,
    ARRAY: "a list, or a picture or npy file " + _IN_JSON,
    STREAM: "a file " + _IN_JSON,
    BYTES: "a file " + _IN_JSON,
    PATH: "a file " + _IN_JSON,
}


def _array_of_list(value):
    import numpy as np

    try:
        array = np.asarray(value)
    # For rows of different lengths, older numpy creates an array of objects, and newer numpy raises an error.
    except ValueError:
        array = None
    if array is None or (array.dtype == object and any(type(item) is list for item in value)):
        raise Misfit([((), "must be a list whose rows have the same length")])
    return array


def _image(part):
    """Return the decoded Pillow picture as Image.open returns it: neither rotated by its EXIF data nor converted."""
    try:
        from PIL import Image
    except ImportError:
        raise Misfit([((), "is a picture, and the notebook's environment has no Pillow to read it")]) from None
    with _bounded(Image) as too_large:
        try:
            picture = _opened(Image, io.BytesIO(part.content))
            _check_frames(picture, part.content)
            picture.load()
        except (Misfit, MemoryError):
            raise
        except too_large:
            text = "has more pixels than this service accepts, {} (S2I_MAX_PIXELS)"
            raise Misfit([((), text.format(limits.pixels))]) from None
        # Pillow raises various errors for damaged files; errors of the file itself are OSErrors.
        except Exception as error:
            if type(error).__name__ == "UnidentifiedImageError":
                raise Misfit([((), "is not a readable picture")]) from error
            reason = ": {}".format(error) if isinstance(error, OSError) and str(error) else ""
            raise Misfit([((), "is a picture that is truncated or damaged{}".format(reason))]) from error
    return picture


@contextlib.contextmanager
def _bounded(library):
    """Make Pillow raise one of the yielded errors for a picture above our limit, before decoding it.

    At the end of the block, the notebook's own limit is restored.
    """
    own, library.MAX_IMAGE_PIXELS = library.MAX_IMAGE_PIXELS, limits.pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", library.DecompressionBombWarning)
            yield library.DecompressionBombWarning, library.DecompressionBombError
    finally:
        library.MAX_IMAGE_PIXELS = own


def _opened(library, stream):
    # Pillow loads plugins on demand; without them, it doesn't know all formats by name.
    library.init()
    formats = [name for name in _FORMATS if name in library.OPEN]
    try:
        return library.open(stream, formats=formats)
    except TypeError:
        # Pillow before 8.0 has no list of formats.
        picture = library.open(stream)
    if picture.format not in formats:
        raise Misfit([((), "is not a readable picture")])
    return picture


def _check_frames(picture, content):
    """Raise Misfit for a picture with too many or too large frames, before any of them is decoded."""
    if picture.format == "GIF" and bytes(content).count(_GIF_FRAME) > limits.frames:
        raise _too_many_frames()
    if picture.format == "TIFF":
        # Each page has its own size. Seeking reads only a page's directory.
        for page in range(1, limits.frames + 1):
            try:
                picture.seek(page)
            except EOFError:
                break
            if picture.size[0] * picture.size[1] > limits.pixels:
                raise Misfit([((), "has a page with more pixels than this service accepts (S2I_MAX_PIXELS)")])
        else:
            raise _too_many_frames()
        picture.seek(0)
    elif getattr(picture, "n_frames", 1) > limits.frames:
        raise _too_many_frames()


def look_same(one, other, tolerance):
    """Return whether two Parts are pictures with the same frames; raise Misfit for one that can't be read.

    Values may differ by `tolerance` times the largest possible or actual value of a pixel.
    """
    one, other = _image(one), _image(other)
    frames = getattr(one, "n_frames", 1)
    if frames != getattr(other, "n_frames", 1):
        return False
    for frame in range(frames):
        if frame:
            one.seek(frame)
            other.seek(frame)
        if not _same_pixels(one, other, tolerance):
            return False
    return True


def _same_pixels(one, other, tolerance):
    from PIL import ImageChops

    if (one.mode, one.size) != (other.mode, other.size):
        return False
    if one.mode in ("P", "PA", "1"):
        # Two palettes may contain the same colours in a different order.
        one, other = one.convert("RGBA"), other.convert("RGBA")
    if one.tobytes() == other.tobytes():
        return True
    if one.mode in _WIDE:
        ours, theirs = (array.array(_WIDE[one.mode], picture.tobytes()) for picture in (one, other))
        allowed = tolerance * max(map(abs, ours))
        return all(abs(value - another) <= allowed for value, another in zip(ours, theirs))
    if one.mode[0] in "IF":
        return False
    bands = [ImageChops.difference(*pair).getextrema() for pair in zip(one.split(), other.split())]
    return max(high for _, high in bands) <= tolerance * 255


def _too_many_frames():
    return Misfit([((), "has more frames than this service accepts, {} (S2I_MAX_FRAMES)".format(limits.frames))])


def _array(part):
    """Return the numpy array in an npy file, or the pixels of a picture."""
    import numpy as np

    content = bytes(part.content)
    if content[: len(_NPY_MAGIC)] != _NPY_MAGIC:
        return np.array(_image(part))
    try:
        return _array_in(np, content)
    except MemoryError:
        raise
    except Exception as error:
        raise Misfit([((), "is an npy file that is truncated or damaged")]) from error


def _array_in(np, content):
    stream = io.BytesIO(content)
    first = np.lib.format.read_magic(stream) == (1, 0)
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0)(stream)
    size = dtype.itemsize
    for length in shape:
        size *= length
    # numpy allocates the size stated in the header before it reads.
    if dtype.hasobject or size != len(content) - stream.tell():
        raise ValueError("its header does not match its size")
    stream.seek(0)
    return np.load(stream, allow_pickle=False)


def _bytes(part):
    return bytes(part.content)


def _stream(part):
    return io.BytesIO(part.content)


_MAKERS = {IMAGE: _image, ARRAY: _array, BYTES: _bytes, STREAM: _stream}


# --- paths ---


class _Folder(object):
    """A folder for this process's files.

    A client's file exists there while its sample is scored, under a generated name.

    A lock on the folder's lock file shows other processes that this one is alive; they remove folders of processes that
    were killed.
    """

    PREFIX = "nb-builder-files-"
    LOCK = "lock"

    def __init__(self):
        self._path = None
        self._pid = None
        self._lock = None
        self._count = 0
        self.has_files = False
        # If it is a list, it receives the paths of the files that are written.
        self.written = None

    def write(self, part):
        """Write `part` to a new file with the same extension; return its path."""
        if self._pid != os.getpid():
            self._make()
        self._count += 1
        path = os.path.join(self._path, "{}{}".format(self._count, _suffix(part)))
        with io.open(path, "wb") as file:
            file.write(part.content)
        self.has_files = True
        if self.written is not None:
            self.written.append(path)
        return pathlib.Path(path)

    def clear(self):
        """Remove all files; called when no sample is being scored."""
        if not self.has_files or self._pid != os.getpid():
            return
        self.has_files = False
        for name in os.listdir(self._path):
            if name != self.LOCK:
                _remove(os.path.join(self._path, name))

    def remove_files(self, paths):
        """Remove these files; called when the sample that they belong to has been scored."""
        if self._pid == os.getpid():
            for path in paths:
                _remove(path)

    def remove(self):
        """Remove the folder; called when this process takes no more samples."""
        if self._pid == os.getpid():
            shutil.rmtree(self._path, ignore_errors=True)
            self._pid, self.has_files = None, False

    def _make(self):
        prefix = "{}{}-".format(self.PREFIX, os.getuid())
        parent = tempfile.gettempdir()
        for name in os.listdir(parent):
            if name.startswith(prefix):
                _remove_if_left(os.path.join(parent, name), self.LOCK)
        made = tempfile.mkdtemp(prefix="new-" + prefix)
        self._lock = io.open(os.path.join(made, self.LOCK), "wb")  # noqa: SIM115 - open for as long as this process lives
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Other processes may find it only now that it is locked.
        self._path = made.replace("new-" + prefix, prefix)
        os.rename(made, self._path)
        self._pid, self.has_files = os.getpid(), False


def _suffix(part):
    """Return a file's extension: the client's own if it is plain, otherwise one for its media type."""
    # If the name contains folders, of any system, only the extension counts.
    ending = os.path.splitext(re.split(r"[/\\]", part.name or "")[-1])[1]
    if _SUFFIX.fullmatch(ending):
        return ending
    return "." + extension(part.media_type) if part.media_type in _EXTENSIONS else ""


def _remove_if_left(folder, lock):
    """Remove a folder whose process has exited."""
    with contextlib.suppress(OSError), io.open(os.path.join(folder, lock), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def _remove(path):
    with contextlib.suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


folder = _Folder()
_MAKERS[PATH] = folder.write


# --- at build time: finding the arguments that are files ---


# A PurePath is only text.
_PATHS = (os.PathLike, pathlib.Path, pathlib.PosixPath)
_STREAMS = (
    *(io.BytesIO, io.BufferedIOBase, io.BufferedReader, io.RawIOBase, io.FileIO, io.IOBase),
    *(typing.BinaryIO, typing.IO),
)


def kind_of(kind):
    """Return the kind of file for a class in a type hint, or None."""
    if not inspect.isclass(kind):
        return None
    # Of Pillow's own classes of opened files, too.
    if kind.__module__.startswith("PIL.") and any(_is_named(base, "PIL.Image", "Image") for base in kind.__mro__):
        return IMAGE
    if _is_named(kind, "numpy", "ndarray"):
        return ARRAY
    if kind is bytes:
        return BYTES
    if kind in _PATHS:
        return PATH
    return STREAM if kind in _STREAMS else None


def schema(kind):
    """Return the JSON schema of a file in JSON: a data: URL, with keywords that OpenAPI generators know.

    It is None for anything but a file, and for an array, which is usually sent as a list.
    """
    if kind in (None, ARRAY):
        return None
    return {"type": "string", "format": "uri", "contentMediaType": MEDIA_TYPES[kind][0] if kind == IMAGE else OCTETS}


def schema_of_urls(texts):
    """Return the JSON schema for texts if all are data: URLs, otherwise {}."""
    found = [_DATA_URL.match(text) for text in texts]
    if not found or not all(found):
        return {}
    media_types = {match.group(1) or OCTETS for match in found}
    families = {media_type.partition("/")[0] + "/*" for media_type in media_types}
    single = sorted(media_types if len(media_types) == 1 else families)
    return dict({"format": "uri"}, **({"contentMediaType": single[0]} if len(single) == 1 else {}))


def kind_of_value(value):
    """Return the kind of file for a value of the notebook, or None.

    Without a type hint, an array is not a file: a client can send its numbers.
    """
    if isinstance(value, (bytes, bytearray)):
        return BYTES
    if isinstance(value, pathlib.Path):
        return PATH
    if isinstance(value, (io.BytesIO, io.BufferedReader)):
        return STREAM
    return IMAGE if any(_is_named(base, "PIL.Image", "Image") for base in type(value).__mro__) else None


def _is_named(kind, module, name):
    return kind.__module__ == module and kind.__name__ == name


def json_value(value, hinted=None):
    """Return a notebook's sample with files as data: URLs; raise ValueError for one that can't be converted.

    `hinted` is the kind of file in the type hint: only then are arrays of pixels files.
    """
    kind = kind_of_value(value)
    if kind is not None:
        return data_url(*_content_of(value, kind))
    if isinstance(value, dict):
        return {name: json_value(item, hinted) for name, item in value.items()}
    if type(value) in (list, tuple):
        return [json_value(item, hinted) for item in value]
    if hinted == ARRAY and _is_pixels(value):
        from PIL import Image

        return data_url(_written(Image.fromarray(value), "PNG"), "image/png")
    return value


def holds_files(value):
    """Return whether a notebook's sample is a file, or a list or dict that contains one."""
    if kind_of_value(value) is not None:
        return True
    inner = value.values() if isinstance(value, dict) else value if type(value) in (list, tuple) else ()
    return any(map(holds_files, inner))


def _is_pixels(value):
    """Return whether an array is like the pixels of a Pillow picture, and Pillow can read it again."""
    if "PIL.Image" not in sys.modules or str(getattr(value, "dtype", "")) != "uint8":
        return False
    shape = value.shape
    return (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))) and 0 not in shape


def _content_of(value, kind):
    """Return (bytes, media type) of a notebook's file."""
    if kind == BYTES:
        return bytes(value), OCTETS
    if kind == PATH:
        try:
            return value.read_bytes(), media_type_of(value.name)
        except OSError as error:
            raise ValueError("its file can't be read: {}".format(error.strerror)) from error
    if kind == STREAM:
        position = value.tell()
        content = value.read()
        value.seek(position)
        return content, OCTETS
    return image_content(value)


def image_content(picture):
    """Return (bytes, media type) of a Pillow picture: its own file if unchanged, otherwise a lossless copy."""
    filename = getattr(picture, "filename", None)
    media_type = media_type_of(str(filename)) if filename else OCTETS
    if media_type.startswith("image/"):
        with contextlib.suppress(Exception):
            with io.open(filename, "rb") as file:
                content = file.read()
            again = _image(Part(content))
            if again.mode == picture.mode and again.size == picture.size and again.tobytes() == picture.tobytes():
                return content, media_type
    for form, media_type in (("PNG", "image/png"), ("TIFF", "image/tiff")):
        with contextlib.suppress(OSError, KeyError):
            return _written(picture, form), media_type
    raise ValueError("a picture of mode {} can't be stored without loss".format(picture.mode))


def _written(picture, form, **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def media_type_of(name):
    """Return the media type for a file's extension; application/octet-stream if unknown."""
    return _TYPES.get(os.path.splitext(name)[1][1:].lower(), OCTETS)


def extension(media_type):
    """Return the usual file extension for this media type."""
    return _EXTENSIONS.get(media_type, "bin")


# --- files in predictions ---


def part_of_answer(value):
    """Return a prediction as a Part if it is a picture, a figure, bytes, or a path of a file; otherwise None."""
    if isinstance(value, (bytes, bytearray)):
        return Part(bytes(value), OCTETS)
    if isinstance(value, pathlib.Path):
        return Part(value.read_bytes(), media_type_of(value.name), value.name) if value.is_file() else None
    kinds = type(value).__mro__
    if any(_is_named(kind, "PIL.Image", "Image") for kind in kinds):
        return _picture_of_answer(value)
    if any(_is_named(kind, *_MATPLOTLIB) for kind in kinds):
        stream = io.BytesIO()
        value.savefig(stream, format="png")
        return Part(stream.getvalue(), "image/png")
    if any(_is_named(kind, *_PLOTLY) for kind in kinds):
        return Part(_drawn(value), "image/png")
    return None


def _drawn(figure):
    """Return a plotly figure as PNG; raise NoJsonForm if that fails, for example without kaleido."""
    try:
        return figure.to_image(format="png")
    # The class of the error depends on the versions of plotly and kaleido.
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        text = "a plotly figure can only be drawn with the package kaleido, whose release 0.2.1 includes a browser: {}"
        raise json_codec.NoJsonForm(text.format(reason)) from error


def _picture_of_answer(picture):
    """Return the Part for a picture: in the format in which it was opened; otherwise PNG, or TIFF for other modes."""
    # Cameras add pictures for screens to a JPEG, which Pillow calls MPO then.
    own = "JPEG" if picture.format == "MPO" else picture.format if picture.format in _OWN_FORMATS else "PNG"
    for form in (own, "PNG", "TIFF"):
        # OSError: this format doesn't support pictures of this mode.
        with contextlib.suppress(OSError):
            return Part(_written(picture, form, **(_as_opened(picture) if form == "JPEG" else {})), _OWN_FORMATS[form])
    raise json_codec.NoJsonForm("a picture of mode {} can't be sent".format(picture.mode))


def _as_opened(picture):
    """Return the options with which Pillow writes a JPEG in the quality, orientation and colours of the opened one."""
    options = {name: picture.info[name] for name in ("exif", "icc_profile") if picture.info.get(name)}
    if getattr(picture, "quantization", None):
        from PIL import JpegImagePlugin

        options.update(qtables=picture.quantization, subsampling=JpegImagePlugin.get_sampling(picture))
    return options


def is_file_answer(hint, answers):
    """Return whether a predictor with this return type hint, or with these predictions in JSON, returns files."""
    kind = kind_of(hint)
    is_figure = inspect.isclass(hint) and any(
        _is_named(base, *name) for base in hint.__mro__ for name in (_MATPLOTLIB, _PLOTLY)
    )
    is_seen = any(isinstance(answer, str) and _DATA_URL.match(answer) for answer in answers)
    return kind in (IMAGE, BYTES, PATH) or is_figure or is_seen


# A prediction that is a file is sent as the length of its head, the head (JSON [media type, file name or null]), and
# the content.
def packed_answer(part):
    """Return the payload of a prediction that is a file."""
    return prefix(json.dumps([part.media_type, part.name]).encode("ascii")) + part.content


def unpacked_answer(payload):
    """Return (content, media type, file name or None) from a payload made by `packed_answer`."""
    start = _HEAD.size + _HEAD.unpack_from(payload)[0]
    media_type, name = json.loads(payload[_HEAD.size : start].decode("ascii"))
    return payload[start:], media_type, name


def accepts(accept, media_type):
    """Return (quality of a media type in an Accept header, specificity of the matching range).

    See RFC 9110, section 12.5.1. Only the first MAX_RANGES ranges count.
    """
    best = (0.0, -1)
    for entry in (accept or "*/*").split(",", MAX_RANGES)[:MAX_RANGES]:
        name, *parameters = [text.strip().lower() for text in entry.split(";")]
        precision = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}.get(name, -1)
        if precision > best[1]:
            weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
            best = (float(weight) if _WEIGHT.fullmatch(weight) else 0.0), precision
    return best


# --- files in frames ---


def prefix(head):
    """Return the prefix of the payload of a sample with files; the body follows.

    The `head` is a JSON object in bytes: "accept" is the request's Accept header; "type" is the media type of a body
    that is a file, or the sample as JSON; "boundary" is that of a body that is a form.
    """
    return _HEAD.pack(len(head)) + head


def head_of_body(media_type, accept=None, texts=()):
    """Return the head for a body that is a file, or the sample as JSON.

    `texts` are pairs of an argument's name and its text, from the query: the body is only one of several arguments.
    """
    head = {"type": media_type, "accept": accept}
    return json.dumps(dict(head, texts=list(texts)) if texts else head).encode("ascii")


def head_of_form(boundary, accept=None, skips_empty=False):
    """Return the head for a body that is a form.

    `skips_empty` is whether an empty part means a missing argument, as in an HTML form.
    """
    return json.dumps({"boundary": boundary, "accept": accept, "skips_empty": skips_empty}).encode("ascii")


def accept_in(payload):
    """Return the Accept header of the request with this payload, or None."""
    return _head_in(payload)[0].get("accept")


def _head_in(payload):
    """Return (the head of a payload, the position of the content)."""
    start = _HEAD.size + _HEAD.unpack_from(payload)[0]
    return json.loads(bytes(payload[_HEAD.size : start]).decode("ascii")), start


def texts_in_form(payload, names):
    """Return pairs of name and text of the parts with one of these names that are not files; raise UnreadableForm."""
    head, start = _head_in(payload)
    if not names or "boundary" not in head:
        return []
    found = [part for part in _parts(payload, start, head) if part.name in names and not _is_file(part)]
    if sum(part.end - part.start for part in found) > MAX_PARAMETER_BYTES:
        text = "The parameters of a request have more than {} bytes."
        raise multipart.UnreadableForm(text.format(MAX_PARAMETER_BYTES), 413)
    return [(part.name, bytes(payload[part.start : part.end]).decode("utf-8", "replace")) for part in found]


def sample_in(payload, files, parameters=()):
    """Return the sample in a payload with a `prefix`, with files as Parts.

    Raise ValueError, Misfit or UnreadableForm. `files` is the manifest's description of arguments that are files, None
    if there are none. Parts of a form with a name in `parameters` are left out: `texts_in_form` returns them.
    """
    head, start = _head_in(payload)
    if head.get("type") == JSON:
        return json_codec.decode(bytes(payload[start:]))
    if files is None:
        raise Misfit([((), "must be JSON")])
    many = {argument["name"] for argument in files["arguments"] if argument["many"]}
    if "boundary" in head:
        found = [part for part in _parts(payload, start, head) if part.name not in parameters or _is_file(part)]
        return _sample_of_form(payload, found, files, many)
    part, name = Part(memoryview(payload)[start:], head["type"]), files["arguments"][0]["name"]
    value = [part] if name in many else part
    if not files["by_name"]:
        return value
    values: dict = {}
    for other, text in head.get("texts", ()):
        values.setdefault(other, []).append(_text_value(text.encode("utf-8"), other, files))
    return dict(_sample_of_values(values, many, files), **{name: value})


def _parts(payload, start, head):
    found = list(multipart.parts(payload, head["boundary"], start))
    return [part for part in found if part.start < part.end] if head["skips_empty"] else found


def _sample_of_form(payload, found, files, many):
    if not found:
        raise multipart.UnreadableForm("All parts of the form are empty.")
    view = memoryview(payload)
    if [part.name for part in found] == [JSON_FIELD]:
        return json_codec.decode(bytes(view[found[0].start : found[0].end]))
    values: dict = {}
    for part in found:
        content = view[part.start : part.end]
        if _is_file(part):
            value = Part(content, part.media_type, part.file_name or "")
        else:
            value = _text_value(bytes(content), part.name, files)
        values.setdefault(part.name, []).append(value)
    sample = _sample_of_values(values, many, files)
    if files["by_name"] or len(sample) > 1:
        return sample
    # A single argument may have any name.
    return next(iter(sample.values())) if not many else [part for each in values.values() for part in each]


def _sample_of_values(values, many, files):
    """Return a sample from the list of values of each name."""
    lists = {name for name, is_list in files.get("texts", {}).items() if is_list}
    # A list of strings may be sent as JSON, in one piece.
    whole = {name for name in lists if name in values and len(values[name]) == 1 and type(values[name][0]) is list}
    lists |= many
    return {
        name: each if len(each) > 1 or (name in lists and name not in whole) else each[0]
        for name, each in values.items()
    }


def _is_file(part):
    """Return whether a part of a form is a file rather than a value; some clients send bytes without a file name."""
    media_type = part.media_type
    return part.file_name is not None or not (
        media_type is None or media_type.startswith("text/") or media_type == JSON
    )


def _text_value(content, name, files):
    """Return the value of an argument that was sent as text: as JSON if valid, otherwise text; raise Misfit.

    If a file is expected, digits are base64 rather than a number. If a string is, JSON is a text; if a list of strings,
    JSON is a text unless it is a list.
    """
    is_list = files.get("texts", {}).get(name)
    is_file = not files["by_name"] or any(argument["name"] == name for argument in files["arguments"])
    with contextlib.suppress(ValueError):
        value = None if is_list is False else json_codec.decode(content)
        is_text = is_list is False or (is_list and type(value) is not list)
        if not is_text and not (is_file and type(value) in (int, float, bool)):
            return value
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Misfit([((name,), "must be text in UTF-8, or a file with a name")]) from None
