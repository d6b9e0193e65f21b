"""The settings of `nb-builder dev`, in addition to those of builds and services."""

from nb_scorer.common.settings_table import Table, number, setting, text


class Settings(Table):
    """The settings of one `nb-builder dev`, each named like its variable in lower case, without `S2I_`."""

    port: int = setting(
        "PORT",
        number(0, 65535, int),
        8080,
        "Port of the service, or the next free one after it; 0 takes any free port.",
    )
    lab: int = setting(
        "LAB",
        number(0, 65535, int),
        8888,
        "Port of JupyterLab, or the next free one after it; 0 starts no JupyterLab.",
    )
    host: str = setting(
        "S2I_HOST",
        text,
        "127.0.0.1",
        "Address that the service and JupyterLab listen on; in a container with published ports, `0.0.0.0`.",
    )
