"""All settings of a build, one row each; no other module reads them from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from nb_scorer.common.settings_table import Table, number, one_of, setting, switch, text

from nb_builder.common import parameter_values, resolve_date, slim_levels


def names(value: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list, without surrounding spaces."""
    return _items(value, "notebooks")


def distributions(value: str) -> tuple[str, ...]:
    """Return the names of distributions in a comma-separated list, normalised as in package indexes."""
    # Imported here: the command reads this table for its help, and has only the standard library.
    from packaging.utils import canonicalize_name

    return tuple(canonicalize_name(name) for name in _items(value, "distributions"))


def hosts(value: str) -> tuple[str, ...]:
    """Return the hosts in a comma-separated list, in lower case."""
    items = _items(value.lower(), "hosts")
    if any("/" in name for name in items):
        raise ValueError("a list of hosts separated by commas, such as download.pytorch.org, and no addresses")
    return items


def sources(value: str) -> tuple[str, ...]:
    """Return the address prefixes in a comma-separated list."""
    items = _items(value, "sources")
    if not all("://" in item for item in items):
        raise ValueError("a list of addresses separated by commas, such as hf://my-org/,s3://models/")
    return items


def _items(value: str, what: str) -> tuple[str, ...]:
    items = tuple(name.strip() for name in value.split(","))
    if not all(items):
        raise ValueError(f"a list of {what} separated by commas, without an empty place")
    return items


# Read first, because an error in it must be reported before those of other settings.
PROBLEM_FILE = "S2I_PROBLEM_FILE"


class Settings(Table):
    """The settings of one build, as attributes in lower case without the `S2I_` prefix."""

    src: Path = setting(
        "S2I_SRC",
        Path,
        Path("/tmp/src"),  # noqa: S108 - s2i's own place
        "Folder of the repository.",
        group="Folders",
        platform=True,
    )
    app_root: Path = setting(
        "APP_ROOT",
        Path,
        Path("/opt/app-root"),
        "Folder to write `src`, `build`, `venv` and `model` to.",
        platform=True,
    )
    home: Path = setting(
        "NB_BUILDER_HOME",
        Path,
        Path("/opt/nb-builder"),
        "Folder with the builder's own environments.",
        platform=True,
    )
    source_notebook: str | None = setting(
        "S2I_SOURCE_NOTEBOOK",
        text,
        None,
        "The notebook to build, relative to the repository; required if several define predictor.",
        group="The notebook",
    )
    source_notebook_list: tuple[str, ...] | None = setting(
        "S2I_SOURCE_NOTEBOOK_LIST",
        names,
        None,
        "Several notebooks, separated by commas, that run in this order; the last one defines predictor. "
        "Replaces `S2I_SOURCE_NOTEBOOK`.",
    )
    parameters: dict[str, object] | None = setting(
        "S2I_PARAMETERS",
        parameter_values.read,
        None,
        "JSON object with values for the names that the cell tagged `parameters` assigns.",
    )
    cells: str = setting(
        "S2I_CELLS",
        one_of("all", "needed"),
        "all",
        "Cells to run: `all`, or only those `needed` by predictor. `needed` leaves out cells that only plot, print or "
        "bind names that no other cell reads.",
    )
    python: str | None = setting(
        "S2I_PYTHON",
        text,
        None,
        "The notebook's Python: a minor version such as `3.9`, or the path of an interpreter. Default: the "
        "version that the notebook or a file of the repository requires.",
    )
    python_downloads: str = setting(
        "S2I_PYTHON_DOWNLOADS",
        one_of("auto", "never"),
        "auto",
        "`auto` downloads a Python with uv if the notebook requires one that is not installed; `never` uses "
        "installed Pythons only.",
        platform=True,
    )
    installer: str = setting(
        "S2I_INSTALLER",
        one_of("auto", "uv", "pip"),
        "auto",
        "Installer for the requirements: `uv`, `pip`, or `auto` (uv, or pip if uv can't be used).",
        group="Packages",
    )
    resolve_as_of: resolve_date.Value | None = setting(
        resolve_date.SETTING,
        resolve_date.read,
        None,
        "Date such as `2024-06-01` (UTC, inclusive): requirements are resolved to the packages available then. "
        "`auto` uses the date of the notebook's last commit or, if its metadata has one, last run. Default: "
        "today's packages.",
    )
    allow_indexes: tuple[str, ...] = setting(
        "S2I_ALLOW_INDEXES",
        hosts,
        None,
        "Hosts, separated by commas, whose indexes requirements may name with `--index-url`, `--extra-index-url` "
        "or `--find-links`. If set, addresses of single packages must be on one of these hosts, too.",
        platform=True,
    )
    apt: bool = setting(
        "S2I_APT",
        switch,
        True,
        "Install the system packages listed in `apt.txt` or `packages.txt` if the build runs as root.",
        platform=True,
    )
    ca_bundle: Path | None = setting(
        "S2I_CA_BUNDLE",
        Path,
        None,
        "PEM file with the certificate authorities to trust; used by uv, pip and the notebook's downloads.",
        platform=True,
    )
    batching: str = setting(
        "S2I_BATCHING",
        one_of("auto", "off"),
        "auto",
        "`auto` derives a batch form from predictor, verifies it, and lets the service use it; `off` does not.",
        group="The model",
    )
    drift: str = setting(
        "S2I_DRIFT",
        one_of("auto", "off"),
        "auto",
        "`auto` saves histograms and counts of the notebook's own data with the model, so that its service can "
        "measure drift; `off` does not.",
    )
    setup_in_build: bool = setting(
        "S2I_SETUP_IN_BUILD",
        switch,
        True,
        "Whether the build calls the notebook's `setup`. With 0, it neither calls predictor nor verifies predictions; "
        "for a `setup` that connects to what builds can't reach.",
    )
    weights: str = setting(
        "S2I_WEIGHTS",
        one_of("start", "image"),
        "start",
        "Where a service gets the notebook's `weights`: each `start` takes them from a mount or fetches them, or the "
        "`image` contains them.",
    )
    weights_cache: Path | None = setting(
        "S2I_WEIGHTS_CACHE",
        Path,
        None,
        "Folder for fetched weights, which builds may share. Default: the user's cache; in an image, a folder that "
        "the build removes.",
        platform=True,
    )
    weights_max: int = setting(
        "S2I_WEIGHTS_MAX",
        number(1, 1 << 50, int),
        64 << 30,
        "Maximum bytes of all weights of a notebook.",
        platform=True,
    )
    allow_weights: tuple[str, ...] = setting(
        "S2I_ALLOW_WEIGHTS",
        sources,
        None,
        "Sources that weights may have, as beginnings of addresses separated by commas, such as "
        "`hf://my-org/,s3://models/`. If set, other sources are rejected.",
        platform=True,
    )
    reuse_model: bool = setting(
        "S2I_REUSE_MODEL",
        switch,
        False,
        "In an incremental build, reuse the previous build's model if none of its inputs has changed.",
    )
    commit: str | None = setting(
        "S2I_COMMIT",
        text,
        None,
        "Commit being built, for the service's pages. s2i does not pass it to assemble; `s2i build --exclude ''` "
        "includes `.git`, which contains it.",
        group="Source of the build",
        platform=True,
    )
    in_image: bool = setting(
        "STI_SCRIPTS_PATH",
        text,
        None,
        "Set in s2i images. Without it, the build runs on a user's own machine and notes each change to it.",
        platform=True,
    )
    source: str | None = setting(
        "S2I_SOURCE", text, None, "Address of the repository, for the service's pages.", platform=True
    )
    openshift_build_commit: str | None = setting(
        "OPENSHIFT_BUILD_COMMIT",
        text,
        None,
        "The same as S2I_COMMIT, set by OpenShift.",
        platform=True,
    )
    openshift_build_source: str | None = setting(
        "OPENSHIFT_BUILD_SOURCE",
        text,
        None,
        "The same as S2I_SOURCE, set by OpenShift.",
        platform=True,
    )
    source_date_epoch: int | None = setting(
        "SOURCE_DATE_EPOCH",
        number(0, 1e11, int),
        None,
        "The build's date, in seconds since 1970; two builds of a deterministic notebook and a lock are then "
        "identical byte for byte.",
    )
    cell_timeout: float = setting(
        "S2I_CELL_TIMEOUT",
        number(0.1, 1e6),
        600.0,
        "Maximum seconds for one cell.",
        group="Running cells and verifying",
    )
    notebook_timeout: float = setting(
        "S2I_NOTEBOOK_TIMEOUT",
        number(0, 1e7),
        0.0,
        "Maximum seconds for all cells of a notebook together; 0 for no limit.",
    )
    strict_commands: bool = setting(
        "S2I_STRICT_COMMANDS",
        switch,
        False,
        "Fail the build if a `!command` exits with a status other than 0; otherwise such a command only causes a note.",
    )
    pandas_labels: bool = setting(
        "S2I_PANDAS_LABELS",
        switch,
        True,
        "pandas predictions keep their index labels; 0 converts them to lists and records without labels.",
    )
    require_proof: bool = setting(
        "S2I_REQUIRE_PROOF",
        switch,
        False,
        "Fail the build if the model has no golden row that verifies its predictions; otherwise the build only "
        "prints a warning.",
    )
    tolerance: float = setting(
        "S2I_TOLERANCE",
        number(0, 1),
        1e-6,
        "Relative difference up to which two floats, or pixels of pictures, count as the same prediction.",
    )
    verify_timeout: float = setting(
        "S2I_VERIFY_TIMEOUT",
        number(1, 86400),
        60.0,
        "Maximum seconds for loading the model, and for scoring one golden row, during verification.",
    )
    setup_timeout: float = setting(
        "S2I_SETUP_TIMEOUT",
        number(1, 86400),
        300.0,
        "Maximum seconds for the notebook's `setup` in a scorer, in the build as in the service.",
    )
    builder_image: str | None = setting(
        "S2I_BUILDER_IMAGE",
        text,
        None,
        "Reference of the builder image with its digest (`…@sha256:…`), for build/provenance.json: a build can't "
        "find out its own.",
        group="Records and signatures",
        platform=True,
    )
    sign_key_file: Path | None = setting(
        "S2I_SIGN_KEY_FILE",
        Path,
        None,
        "File with the private key that signs the model, mounted as a build secret: PEM, on the curve P-256, "
        "P-384 or P-521. Default: the model is not signed.",
        platform=True,
    )
    sign_certificate_file: Path | None = setting(
        "S2I_SIGN_CERTIFICATE_FILE",
        Path,
        None,
        "PEM file with that key's certificate, followed by those of intermediate authorities. They become part "
        "of the signature.",
        platform=True,
    )
    problem_file: Path | None = setting(
        PROBLEM_FILE,
        Path,
        None,
        "File to write the problem of a failed command to, as JSON: code, what, why, fix.",
        platform=True,
    )
    slim: str = setting(
        "S2I_SLIM",
        one_of(*slim_levels.LEVELS),
        slim_levels.DISTRIBUTIONS,
        "Packages that a slim image leaves out of the notebook's environment: none (`off`), whole "
        "`distributions`, or single `files` as well.",
        group="Slim images",
    )
    keep: tuple[str, ...] = setting(
        "S2I_KEEP",
        distributions,
        None,
        "Distributions, separated by commas, that a slim image keeps completely, even if the trace shows no use.",
    )
    slim_base: str = setting(
        "S2I_SLIM_BASE",
        one_of(*slim_levels.BASES),
        slim_levels.SCRATCH,
        "Base of a slim image: an empty image (`scratch`), or a `shell` and its usual tools.",
    )

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read every row from `environ` (os.environ by default); raise SettingInvalid."""
        super().__init__(os.environ if environ is None else environ)
        self.allow_indexes = self.allow_indexes or ()
        self.allow_weights = self.allow_weights or ()
        self.keep = self.keep or ()
        self.commit = self.commit or self.openshift_build_commit
        self.source = self.source or self.openshift_build_source
        self.in_image = bool(self.in_image)


KNOBS = Settings.knobs()
