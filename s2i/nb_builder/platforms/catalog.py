"""The platforms for which notebooks are written: what exists only there, and alternatives for services."""

from collections.abc import Iterator
from dataclasses import dataclass

from nb_builder.repository.formats.databricks import MARK

_COMMIT = "Commit the file, or download it in a cell from a public address, and read it by its relative path"
_TRY = "Remove it, or make it optional: put it in a 'try' with 'except ImportError:' and a replacement"
_ENVIRONMENT = "Read it from the environment, os.environ['NAME'], and set that in .s2i/environment or with -e"


@dataclass(frozen=True)
class Platform:
    """One platform for which notebooks are written.

    `modules`, and files below `roots`, exist only there; `names` and `magics` are those of notebooks whose metadata has
    `metadata_key`. Uses with a prefix in `setup` only set the platform up. `ways` are (prefix of the use, the fix); the
    first match counts.
    """

    name: str
    metadata_key: str = ""
    modules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    magics: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    ways: tuple[tuple[str, str], ...] = ()


PLATFORMS = (
    Platform(
        "Google Colab",
        modules=("google.colab",),
        roots=("/content/",),
        setup=(
            "google.colab.drive.mount",
            "google.colab.drive.flush_and_unmount",
            "google.colab.files.download",
            "google.colab.files.view",
            "google.colab.output",
            "google.colab.patches.cv2_imshow",
            "google.colab.data_table",
            "google.colab.auth.authenticate_user",
            "%tensorflow_version",
            "%load_ext google.colab",
        ),
        ways=(
            ("google.colab.files", "Commit the file instead of uploading it, and read it by its relative path"),
            ("google.colab.userdata", _ENVIRONMENT),
            ("/content/", _COMMIT),
        ),
    ),
    Platform(
        "Kaggle",
        modules=("kaggle_secrets", "kaggle_datasets", "kaggle_web_client"),
        roots=("/kaggle/",),
        ways=(("kaggle_secrets", _ENVIRONMENT), ("/kaggle/", _COMMIT)),
    ),
    Platform(
        "Databricks",
        metadata_key=MARK,
        modules=("dbruntime", "databricks.sdk.runtime", "pyspark.dbutils"),
        names=("dbutils", "spark", "sc", "sqlContext", "displayHTML"),
        magics=("sql", "fs", "scala", "r", "restart_python"),
        roots=("/dbfs/", "dbfs:/", "/Volumes/", "/Workspace/"),
        setup=(
            "dbutils.library.restartPython",
            "dbutils.widgets.text",
            "dbutils.widgets.dropdown",
            "dbutils.widgets.combobox",
            "dbutils.widgets.multiselect",
            "dbutils.widgets.remove",
            "displayHTML",
            "%restart_python",
        ),
        ways=(
            ("dbutils.widgets", "Assign the value in a cell tagged 'parameters', which S2I_PARAMETERS can change"),
            ("dbutils.secrets", _ENVIRONMENT),
            ("dbutils", _COMMIT),
            ("%scala", "Write the cell in Python"),
            ("%r", "Write the cell in Python"),
            ("/", _COMMIT),
            ("dbfs:", _COMMIT),
            ("", "Export the data to a file of the repository (a CSV or Parquet file), and read it with pandas"),
        ),
    ),
    Platform("Microsoft Fabric", modules=("notebookutils",), ways=(("notebookutils.credentials", _ENVIRONMENT),)),
    Platform("ArcGIS", modules=("arcpy",), ways=(("", _TRY),)),
    Platform(
        "Windows",
        modules=("pythoncom", "win32api", "win32com", "win32con", "win32gui", "winreg", "winsound"),
        ways=(("", _TRY),),
    ),
    Platform("macOS", modules=("AppKit",), ways=(("", _TRY),)),
)

MODULES = {module: platform for platform in PLATFORMS for module in platform.modules}


def platform_of(module: str) -> Platform | None:
    """Return the only platform that has `module` or its parent; None for a module that a package may provide."""
    return next((MODULES[name] for name in prefixes(module) if name in MODULES), None)


def prefixes(module: str) -> Iterator[str]:
    """Yield the dotted name `module` and those of its parent packages, longest first."""
    while module:
        yield module
        module = module.rpartition(".")[0]
