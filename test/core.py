"""What `make test` runs of the contract, flow, docs and image tests; `make test-all` runs the rest, too.

The core has each route and protocol once, each kind of build outcome, each conformance point of s2i, one plain, one
slim and one native image, the README and the first tutorial. Every unit test is part of it.
"""

CORE: dict[str, tuple[str, ...]] = {}


def has(name: str) -> bool:
    """Return whether a test is part of the core, by its node ID such as `test/flow/test_check.py::test_fine`."""
    folder, _, rest = name.partition("/")[2].partition("/")
    return folder not in CORE or rest.startswith(CORE[folder])
