"""Errors of saving a model: facts for the builder, which adds the texts for users."""

import io
import json
import os


class Complaint(Exception):
    """Saving failed because of one of the builder's problems; the text is its code."""

    def __init__(self, code, **facts):
        super().__init__(code)
        self.code = code
        self.facts = facts

    def write(self, path):
        """Write code and facts to the file `path`, completely or, for example on a full disk, not at all."""
        text = json.dumps({"code": self.code, "facts": self.facts})
        try:
            with io.open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)
        except OSError:
            # The exception itself still contains the code.
            if os.path.exists(path + ".new"):
                os.remove(path + ".new")
