"""Problems of an image's contents."""

from nb_builder.problems.build_problem import BuildProblem


class ImageFileRefused(BuildProblem):
    """An image contains something else where a file is expected."""

    code = "image-file-refused"
    what_text = "{path} in the image {image} was not read: {reason}."
    why_text = "A link in an image could lead to files of your machine, and only regular files are read."
    fix_text = "Use the image as it was built, or ask the person who changed that file."


class ImageUnreadable(BuildProblem):
    """The container engine can't read a file of an image."""

    code = "image-unreadable"
    what_text = "The image {image} can't be read: {program} failed: {reason}."
    why_text = "The command copies files out of the image."
    fix_text = "Fix the error that the engine reports, and try again."


class ImageUnfit(BuildProblem):
    """An image has a configuration that no build creates."""

    code = "image-unfit"
    what_text = "The image {image} was not used: {reason}."
    why_text = "Such a setting would control this command on your machine."
    fix_text = "Use the image as it was built, or ask the person who changed it."
