"""Names in the archive that `spark-model` writes and nb_spark reads: their only home."""

# Which form of archive this is; another number is another form.
FORMAT = 1
MANIFEST = "nb-spark.json"
# What a service has under $APP_ROOT. The dash keeps it from being a package of the archive, which is on sys.path.
APP_ROOT = "app-root"
# Under it: the model's interpreter, where it can be taken along.
INTERPRETER = "python"
PACKAGES = ("nb_scorer", "nb_service", "nb_spark")
