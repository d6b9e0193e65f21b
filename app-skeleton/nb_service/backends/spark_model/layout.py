"""File and folder names in the archive that `spark-model` writes and nb_spark reads."""

# Version of the archive's format.
FORMAT = 1
MANIFEST = "nb-spark.json"
# The contents of $APP_ROOT. Because of the dash, the name can't be imported as a package from the archive on sys.path.
APP_ROOT = "app-root"
# In APP_ROOT: the model's interpreter, if it can be included.
INTERPRETER = "python"
PACKAGES = ("nb_scorer", "nb_service", "nb_spark")
