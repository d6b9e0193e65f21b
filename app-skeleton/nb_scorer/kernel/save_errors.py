"""How saving a model may fail: facts for the builder, which has the words for the user."""

import io
import json
import os


class Complaint(Exception):
    """Saving failed for a reason that is one of the builder's problems; the text is its code."""

    def __init__(self, code, **facts):
        super().__init__(code)
        self.code = code
        self.facts = facts

    def write(self, path):
        """Write code and facts to the file `path`, whole or, as on a full disk, not at all."""
        text = json.dumps({"code": self.code, "facts": self.facts})
        try:
            with io.open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)
        except OSError:
            # The exception itself still carries the code.
            if os.path.exists(path + ".new"):
                os.remove(path + ".new")
