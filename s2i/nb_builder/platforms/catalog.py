"""The worlds: what each place where notebooks are written has and a service has not, and the ways out."""

from collections.abc import Iterator
from dataclasses import dataclass

from nb_builder.repository.formats.databricks import MARK

_COMMIT = "Commit the file, or download it in a cell from where anybody can, and read it by its relative path"
_TRY = "Remove it, or provide for its absence: put it in a 'try' with 'except ImportError:' and what to do then"
_ENVIRONMENT = "Read it from the environment, os.environ['NAME'], and set that in .s2i/environment or with -e"


@dataclass(frozen=True)
class World:
    """One place where notebooks are written.

    `modules` and files below `places` are there and nowhere else; `names` and `magics` are in notebooks whose metadata
    have the key `mark`. What begins with one of `spare` prepares that place and nothing more. `ways` are the ways out,
    by the first words of what is used.
    """

    name: str
    mark: str = ""
    modules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    magics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    ways: tuple[tuple[str, str], ...] = ()


# What no text begins with: `startswith` takes an empty tuple, and no text, for "any of none".
NONE = "\0"

WORLDS = (
    World(
        "Google Colab",
        modules=("google.colab",),
        places=("/content/",),
        spare=(
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
    World(
        "Kaggle",
        modules=("kaggle_secrets", "kaggle_datasets", "kaggle_web_client"),
        places=("/kaggle/",),
        ways=(("kaggle_secrets", _ENVIRONMENT), ("/kaggle/", _COMMIT)),
    ),
    World(
        "Databricks",
        mark=MARK,
        modules=("dbruntime", "databricks.sdk.runtime", "pyspark.dbutils"),
        names=("dbutils", "spark", "sc", "sqlContext", "displayHTML"),
        magics=("sql", "fs", "scala", "r", "restart_python"),
        places=("/dbfs/", "dbfs:/", "/Volumes/", "/Workspace/"),
        spare=(
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
    World("Microsoft Fabric", modules=("notebookutils",), ways=(("notebookutils.credentials", _ENVIRONMENT),)),
    World("ArcGIS", modules=("arcpy",), ways=(("", _TRY),)),
    World(
        "Windows",
        modules=("pythoncom", "win32api", "win32com", "win32con", "win32gui", "winreg", "winsound"),
        ways=(("", _TRY),),
    ),
    World("macOS", modules=("AppKit",), ways=(("", _TRY),)),
)

MODULES = {module: world for world in WORLDS for module in world.modules}


def world_of(module: str) -> World | None:
    """Return the only world that has a module, or what is in it; None for one that a package may bring."""
    return next((MODULES[name] for name in prefixes(module) if name in MODULES), None)


def prefixes(module: str) -> Iterator[str]:
    """Yield the dotted name `module` and those of the packages that it is in, the longest first."""
    while module:
        yield module
        module = module.rpartition(".")[0]
