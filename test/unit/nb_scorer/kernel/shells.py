"""IPython's shell for tests of what watches its cells."""

import ast
import asyncio
from types import SimpleNamespace


class Shell:
    """Stands for IPython's shell: applies the transformers to a cell and runs it."""

    def __init__(self):
        self.ast_transformers = []
        self.user_ns = {"predictor": lambda x: x}
        self.execution_count = 0
        self.events = self
        self.ended = []

    def register(self, event, callback):
        """Have `callback` called after each cell."""
        assert event == "post_run_cell"
        self.ended.append(callback)

    def run(self, source):
        """Run a cell."""
        self.execution_count += 1
        tree = ast.parse(source, "cell")
        for transformer in self.ast_transformers:
            tree = transformer.visit(tree)
        exec(compile(tree, "cell", "exec"), self.user_ns)  # noqa: S102 - as IPython does
        for callback in self.ended:
            callback(SimpleNamespace(execution_count=None))
            callback(SimpleNamespace(execution_count=self.execution_count))

    def run_async(self, source):
        """Run a cell with await at its top level."""
        tree = ast.parse(source, "cell")
        for transformer in self.ast_transformers:
            tree = transformer.visit(tree)
        code = compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        coroutine = eval(code, self.user_ns)  # noqa: S307 - the same
        asyncio.run(coroutine)
