"""What can keep the command itself from its work, before anything of the build has begun."""

from nb_builder.problems.build_problem import BuildProblem


class PlatformUnsupported(BuildProblem):
    """nb-builder does not run on this system."""

    code = "platform-unsupported"
    exit_status = 2
    what_words = "nb-builder does not run on {system}."
    why_words = "Its processes are forked and talk over UNIX sockets, which {system} does not have."
    fix_words = "Run it in WSL 2, in a Linux container or on Linux; docs/reference/platforms.md says what is tested."


class HomeUnwritable(BuildProblem):
    """The folder for nb-builder's own environments can't be written."""

    code = "home-unwritable"
    what_words = "nb-builder can't make its environments in {folder}: {reason}."
    why_words = "They are made once, at the first command, and every later command uses them."
    fix_words = "Set NB_BUILDER_HOME to a folder that you may write to, with 1 GB free."


class EnvironmentsNotMade(BuildProblem):
    """nb-builder's own environments could not be made."""

    code = "environments-not-made"
    what_words = "nb-builder's environments could not be made in {folder}; the reason is above."
    why_words = "The first command installs locked packages there, from the index that pip is configured for."
    fix_words = "Run 'nb-builder doctor', which checks the network, the index, proxies and disk; then try again."


class EngineMissing(BuildProblem):
    """A command needs a container engine, and none responds."""

    code = "engine-missing"
    what_words = "No container engine responds here: {reason}."
    why_words = "'{command}' makes or reads images."
    fix_words = "Install and start Docker or Podman, or name one: DOCKER=podman. 'nb-builder run' needs none."


class ImageNotBuilt(BuildProblem):
    """The engine ended with an error."""

    code = "image-not-built"
    what_words = "The image {image} was not built: {program} ended with status {status}; its messages are above."
    why_words = "A build that fails leaves no image."
    fix_words = "Fix what the last lines name; 'nb-builder check' finds much of it within a second."


class IndexNotPushed(BuildProblem):
    """The engine could not push an index of images."""

    code = "index-not-pushed"
    what_words = "The index {name} was not pushed: '{command}' ended with status {status}; its messages are above."
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
    """The engine has no such image."""

    code = "image-missing"
    what_words = "There is no image {image} here."
    why_words = "{why}"
    fix_words = "Run 's2i build <git repository> nb-builder {image}' or 'nb-builder build --tag {image}' first."


class ImageWithoutModel(BuildProblem):
    """An image has no model."""

    code = "image-without-model"
    what_words = "The image {image} has no {folder}."
    why_words = "A signature is made for the model in an image that 's2i build' made."
    fix_words = "Name an image that 's2i build' or 'nb-builder build' has made."


class ImageUnfitToRebuild(BuildProblem):
    """An image does not say when it was built."""

    code = "image-unfit-to-rebuild"
    what_words = "{file} in the image {image} does not say when the model was built."
    why_words = "The second build gets the date of the first one, so that both can be the same."
    fix_words = "Name an image that 's2i build' or 'nb-builder build' has made."


class RebuildFailed(BuildProblem):
    """The second build of a rebuild check ended with an error."""

    code = "rebuild-failed"
    what_words = "The second build of {image} failed; its messages are above."
    why_words = "Only two builds that end well can be compared."
    fix_words = "Read the build's own problem above: an index, a package or a setting may be missing on this machine."


class ImageNameInvalid(BuildProblem):
    """A name is not valid for an image."""

    code = "image-name-invalid"
    exit_status = 2
    what_words = "{name!r} can't be the name of an image."
    why_words = "Image names consist of lower-case letters, digits and . _ - /, with an optional :tag."
    fix_words = "Name another one: nb-builder build TARGET --tag my-service"


class VariableInvalid(BuildProblem):
    """The argument of `-e` is not a variable with a value."""

    code = "variable-invalid"
    exit_status = 2
    what_words = "{given!r} is not NAME=VALUE."
    why_words = "-e sets a setting of the build, or of the service."
    fix_words = "Write it as in -e S2I_CELL_TIMEOUT=60; 'nb-builder settings' lists all settings."


class ManifestsUnwritten(BuildProblem):
    """Manifests can't be written to a folder."""

    code = "manifests-unwritten"
    what_words = "The manifests can't be written to {folder}: {reason}."
    why_words = "Existing files may have been edited, and are not replaced."
    fix_words = "Name a folder that does not exist yet: --output FOLDER"


class ServiceNameInvalid(BuildProblem):
    """A name is not valid for a service."""

    code = "service-name-invalid"
    exit_status = 2
    what_words = "{name!r} can't be the name of a service."
    why_words = "Orchestrators accept lower-case letters, digits and hyphens, 40 at most, beginning with a letter."
    fix_words = "Name another one: --name my-service"


class BundleUnreadable(BuildProblem):
    """The file with certificate authorities can't be read."""

    code = "bundle-unreadable"
    exit_status = 2
    what_words = "The certificates in {path} can't be read: {reason}."
    why_words = "The builder image is to trust the authorities in that file."
    fix_words = "Name a PEM file with --ca-bundle, or leave it out."


class FileNotThere(BuildProblem):
    """A file named on the command line does not exist."""

    code = "file-not-there"
    exit_status = 2
    what_words = "{option} names {path}, and there is no such file."
    why_words = "Nothing is started with a wrong name."
    fix_words = "Correct the name; it is relative to the current folder."
