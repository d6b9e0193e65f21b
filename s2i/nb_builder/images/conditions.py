"""The environment of a program in an untrusted image, in which no variable of the image can make it run other code.

Variables that the author and the platform have set for the service stay, because the model may depend on them.
"""

import re
from collections.abc import Mapping

from nb_scorer.common import image_variables

from nb_builder.common import unsafe_variables
from nb_builder.images.problems import ImageUnfit

HOME = "/opt/nb-builder"
# The Python of a service image that runs the service, and the one that runs the build.
SERVICE = (f"{HOME}/service/bin/python", "-I", "-u", "-m", "nb_service")
# Variable names that engines and Dockerfiles accept.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
# The folders of a driver's libraries. Kept if no notebook can write to any of them.
_LIBRARIES = "LD_LIBRARY_PATH"
_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/proc", "/home")  # noqa: S108 - nothing is written there


def variables(of_image: Mapping[str, str], app_root: str, image: str) -> dict[str, str]:
    """Return the variables of a container of the image with that name; "" removes one that the image sets.

    Raises ImageUnfit for a name that no engine can replace.
    """
    for name in of_image:
        if not _NAME.fullmatch(name):
            raise ImageUnfit(image=image, reason=f"it sets a variable that is called {name!r}")
    return {
        **{name: value if _is_harmless(name, value, app_root) else "" for name, value in of_image.items()},
        "APP_ROOT": app_root,
        "NB_BUILDER_HOME": HOME,
        **image_variables.home_and_path(app_root),
    }


def instructions(of_image: Mapping[str, str], app_root: str, image: str) -> list[str]:
    """Return Dockerfile instructions that give an image these variables and no entry point."""
    given = variables(of_image, app_root, image)
    # The image's other variables stay unchanged without being repeated.
    changed = {name: value for name, value in given.items() if of_image.get(name) != value}
    return [*(f'ENV {name}="{value}"' for name, value in changed.items()), "ENTRYPOINT []", "CMD []"]


def _is_harmless(name: str, value: str, app_root: str) -> bool:
    if name == _LIBRARIES:
        return all(_is_of_the_system(folder, app_root) for folder in value.split(":"))
    return not unsafe_variables.is_unsafe(name)


def _is_of_the_system(folder: str, app_root: str) -> bool:
    parts = folder.split("/")
    return (
        folder.startswith("/")
        and not {"..", "."} & set(parts)
        and not any(f"{folder}/".startswith(f"{place}/") for place in (app_root, *_WRITABLE))
    )
