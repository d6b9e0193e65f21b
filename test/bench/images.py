"""Megabytes of the images: the builder, and the plain s2i image of the running example."""

import subprocess

GOALS = {"nb-builder": 230, "my-service": 450}


def report() -> None:
    """Print what the engine says of the images that are here, beside the goals."""
    print("\nSizes of images, MB as `docker images` counts (made by `make build` and `s2i build ... my-service`)")
    for image, goal in GOALS.items():
        print(f"  {image:20}{_megabytes(image):>12}   goal: at most {goal}")


def _megabytes(image: str) -> str:
    try:
        ran = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{.Size}}", image], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "not here"
    return f"{int(ran.stdout) / 1e6:.0f}"
