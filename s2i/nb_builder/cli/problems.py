"""What can keep the command itself from its work, before anything of the build has started."""

from nb_builder.problems.build_problem import BuildProblem


class PlatformUnsupported(BuildProblem):
    """nb-builder does not run on this operating system."""

    code = "platform-unsupported"
    exit_status = 2
    what_words = "nb-builder does not run on {system}."
    why_words = "It forks processes that communicate over UNIX sockets, which {system} does not have."
    fix_words = "Run it in WSL 2, in a Linux container or on Linux."


class HomeUnwritable(BuildProblem):
    """The folder for nb-builder's own environments can't be written."""

    code = "home-unwritable"
    what_words = "nb-builder can't create its environments in {folder}: {reason}."
    why_words = "They are created once, by the first command, and every later command uses them."
    fix_words = "Set NB_BUILDER_HOME to a folder that you can write to, with 1 GB free."


class EnvironmentsNotMade(BuildProblem):
    """nb-builder's own environments could not be created."""

    code = "environments-not-made"
    what_words = "nb-builder's environments could not be created in {folder}; the reason is above."
    why_words = "The first command installs locked packages there, from the package index that pip is configured for."
    fix_words = (
        "Run '{nb_builder} doctor', which checks the network, the index, proxies and disk space; then try again."
    )


class EngineMissing(BuildProblem):
    """A command needs a container engine, and none responds."""

    code = "engine-missing"
    what_words = "No container engine responds: {reason}."
    why_words = "'{command}' builds or reads images."
    fix_words = (
        "Install and start Docker or Podman, or name one: DOCKER=podman. '{nb_builder} run' works without an engine."
    )


class ImageNotBuilt(BuildProblem):
    """The container engine failed."""

    code = "image-not-built"
    what_words = "The image {image} was not built: {program} exited with status {status}; its messages are above."
    why_words = "A failed build creates no image."
    fix_words = "Fix the error in the last lines; '{nb_builder} check' finds many errors without a build."


class IndexNotPushed(BuildProblem):
    """The engine could not push an index of images."""

    code = "index-not-pushed"
    what_words = "The index {name} was not pushed: '{command}' exited with status {status}; its messages are above."
    why_words = "An index names images that are in the same registry, so each is pushed first."
    fix_words = "Log in to the registry with '{program} login', check the name, and run the command again."


class IndexUnfit(BuildProblem):
    """Two images of an index are for the same architecture."""

    code = "index-unfit"
    exit_status = 2
    what_words = "{first} and {second} are both for {architecture}."
    why_words = "An index has one image for each architecture."
    fix_words = "Name one image for each. 'nb-builder build --platform linux/arm64' makes one for another architecture."


class ImageMissing(BuildProblem):
    """The image does not exist on this machine."""

    code = "image-missing"
    what_words = "There is no image {image} on this machine."
    why_words = "{why}"
    fix_words = (
        "Build it first: '{nb_builder} build <folder or git URL> --tag {image}', or with s2i: 's2i build <git "
        "repository> nb-builder {image}'."
    )


class ImageWithoutModel(BuildProblem):
    """An image contains no model."""

    code = "image-without-model"
    what_words = "The image {image} has no {folder}."
    why_words = "The command signs the model in a service image."
    fix_words = "Name a service image that '{nb_builder} build' or 's2i build' built."


class ImageUnfitToRebuild(BuildProblem):
    """An image does not record when it was built."""

    code = "image-unfit-to-rebuild"
    what_words = "{file} in the image {image} does not record when the model was built."
    why_words = "The second build uses the date of the first one, so that both can be identical."
    fix_words = "Name a service image that '{nb_builder} build' or 's2i build' built."


class RebuildFailed(BuildProblem):
    """The second build of a rebuild check failed."""

    code = "rebuild-failed"
    what_words = "The second build of {image} failed; its messages are above."
    why_words = "Only two successful builds can be compared."
    fix_words = "Fix the problem above: an index, a package or a setting may be missing on this machine."


class ImageNameInvalid(BuildProblem):
    """A name is not a valid image name."""

    code = "image-name-invalid"
    exit_status = 2
    what_words = "{name!r} is not a valid image name."
    why_words = "Image names consist of lower-case letters, digits and . _ - /, with an optional :tag."
    fix_words = "Choose another name: {nb_builder} build TARGET --tag my-service"


class VariableInvalid(BuildProblem):
    """The argument of `-e` is not a variable with a value."""

    code = "variable-invalid"
    exit_status = 2
    what_words = "{given!r} is not NAME=VALUE."
    why_words = "-e sets a build setting or a service setting."
    fix_words = "Write it as in -e S2I_CELL_TIMEOUT=60; '{nb_builder} settings' lists all settings."


class ManifestsUnwritten(BuildProblem):
    """The manifests can't be written to the folder."""

    code = "manifests-unwritten"
    what_words = "The manifests can't be written to {folder}: {reason}."
    why_words = "Existing files are not replaced, because you may have edited them."
    fix_words = "Name a folder that does not exist yet: --output FOLDER"


class ServiceNameInvalid(BuildProblem):
    """A name is not a valid service name."""

    code = "service-name-invalid"
    exit_status = 2
    what_words = "{name!r} is not a valid service name."
    why_words = "Orchestrators accept lower-case letters, digits and hyphens, at most 40, starting with a letter."
    fix_words = "Choose another name: --name my-service"


class BundleUnreadable(BuildProblem):
    """The file with certificate authorities can't be read."""

    code = "bundle-unreadable"
    exit_status = 2
    what_words = "The certificates in {path} can't be read: {reason}."
    why_words = "The builder image should trust the authorities in that file."
    fix_words = "Name a PEM file with --ca-bundle, or omit it."


class CodeUnknown(BuildProblem):
    """There is no problem with that code."""

    code = "code-unknown"
    exit_status = 2
    what_words = "{code!r} is not the code of a problem."
    why_words = "A message shows its code in its last lines, after 'problem'.{similar}"
    fix_words = "Correct the code; '{nb_builder} explain' lists all codes."


class FileNotThere(BuildProblem):
    """A file named on the command line does not exist."""

    code = "file-not-there"
    exit_status = 2
    what_words = "{option} names {path}, and there is no such file."
    why_words = "The command reads that file."
    fix_words = "Correct the path; it is relative to the current folder."
