"""What an image can have in the place of what a command looks for."""

from nb_builder.problems.build_problem import BuildProblem


class ImageFileRefused(BuildProblem):
    """An image has something else where a file is expected."""

    code = "image-file-refused"
    what_words = "{path} in the image {image} is not taken: {reason}."
    why_words = "A link in an image leads to files of the machine that unpacks it, and other things are no files."
    fix_words = "Use an image as 's2i build' made it, and ask whoever changed that file since."


class ImageUnreadable(BuildProblem):
    """The engine can't read a file of an image."""

    code = "image-unreadable"
    what_words = "The image {image} can't be read: {program} ends with an error: {reason}."
    why_words = "The command takes files out of it."
    fix_words = "Correct what the engine names, and try again."


class ImageUnfit(BuildProblem):
    """An image is configured in a way that no build makes."""

    code = "image-unfit"
    what_words = "The image {image} is not used: {reason}."
    why_words = "Such a setting would decide what this command does on your machine."
    fix_words = "Use an image as 's2i build' made it, and ask whoever changed it since."
