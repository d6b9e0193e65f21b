"""Determines from the manifest which arguments of predictor are files, and which request bodies contain them."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

# The start of a sample with a file in JSON. Other bodies are files.
BEGINS_OF_JSON = (b'"', b"{", b"[", b" ", b"\n", b"\t", b"\r")


def _binary() -> "ModuleType":
    """Return nb_scorer.model.binary, imported only if the model takes or returns files."""
    from nb_scorer.model import binary

    return binary


class Argument(NamedTuple):
    """An argument that is a file: its name, its kind as in nb_scorer.model.binary, and whether it is a list of them."""

    name: str
    kind: str
    many: bool


class Files(NamedTuple):
    """The arguments that are files; `by_name` is whether a sample is an object of arguments.

    `has_answers` is whether predictions may be files, too; `order` has the names of all arguments.
    """

    by_name: bool = False
    arguments: Sequence[Argument] = ()
    has_answers: bool = False
    order: Sequence[str] = ()

    @property
    def media_types(self) -> list[str]:
        """Return the media types of bodies that are a file; * stands for all subtypes."""
        if not self.arguments:
            return []
        return list(_binary().MEDIA_TYPES[self.arguments[0].kind])

    def replaced(self, sample: object, of_text: Callable[[str], str]) -> object:
        """Return a sample with each text that stands for a file replaced by the result of `of_text`."""
        if not self.by_name:
            return _each(sample, of_text)
        if not isinstance(sample, dict):
            return sample
        names = {argument.name for argument in self.arguments}
        return {name: _each(value, of_text) if name in names else value for name, value in sample.items()}

    def takes(self, name: str) -> bool:
        """Return whether the tensor or column of this name contains files."""
        return bool(self.arguments) and (not self.by_name or any(name == argument.name for argument in self.arguments))

    def text_of(self, content: bytes) -> str:
        """Return the JSON form of a file received as bytes, which may be a data: URL already."""
        is_url = content[:5].lower() == b"data:" and content.isascii()
        return content.decode("ascii") if is_url else _binary().data_url(content, _binary().OCTETS)

    def prefix_of_json(self, accept: str | None) -> bytes:
        """Return the frame prefix of a JSON sample if its prediction may be a file, otherwise b""."""
        if not self.has_answers:
            return b""
        binary = _binary()
        return binary.prefix(binary.head_of_body(binary.JSON, accept))

    def sample_in_json(self, content: bytes, content_type: str) -> bytes | None:
        """Return the JSON sample for a body that is a file; None if it is not a file that predictor accepts.

        This is for protocols that have no other place for a file.
        """
        media_type = self.media_type(content_type)
        if media_type is None:
            return None
        url = _binary().data_url(content, media_type)
        return json.dumps({self.arguments[0].name: url} if self.by_name else url).encode("ascii")

    def prefix(
        self,
        content_type: str | None,
        accept: str | None = None,
        *,
        skips_empty: bool = False,
        texts: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Return the frame prefix for a body of this type, b"" if it is neither a form nor an accepted file.

        `accept` is the request's Accept header; `skips_empty` and `texts` are as in nb_scorer.model.binary.
        """
        if not self.arguments or content_type is None:
            return b""
        binary = _binary()
        boundary = binary.multipart.boundary_of(content_type)
        if boundary is not None:
            return binary.prefix(binary.head_of_form(boundary, accept, skips_empty))
        media_type = self.media_type(content_type)
        return b"" if media_type is None else binary.prefix(binary.head_of_body(media_type, accept, texts))

    def arguments_in_query(self, content_type: str | None) -> set[str]:
        """Return the names of the arguments that come from the query if a body of this type is one of the files."""
        if not (self.by_name and content_type and self.media_type(content_type)):
            return set()
        return set(self.order) - {self.arguments[0].name}

    def media_type(self, content_type: str) -> str | None:
        """Return the media type of a body of this type; None if predictor doesn't accept such a file."""
        media_type = content_type.partition(";")[0].strip().lower()
        family = media_type.partition("/")[0] + "/*"
        return media_type if {media_type, family} & set(self.media_types) else None


def _each(value: object, of_text: Callable[[str], str]) -> object:
    if isinstance(value, list):
        return [_each(item, of_text) for item in value]
    if isinstance(value, dict):
        return {name: _each(item, of_text) for name, item in value.items()}
    return of_text(value) if isinstance(value, str) else value


NO_FILES = Files()


def from_manifest(manifest: dict) -> Files:
    """Return the arguments that are files according to a model's manifest."""
    described = manifest.get("files") or {}
    arguments = [Argument(each["name"], each["kind"], each["many"]) for each in described.get("arguments", ())]
    return Files(
        bool(described.get("by_name")), arguments, bool(manifest.get("answer_file")), described.get("order", ())
    )
