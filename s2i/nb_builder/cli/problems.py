"""Problems of the command itself, before any part of the build has started."""

from nb_builder.problems.build_problem import BuildProblem


class PlatformUnsupported(BuildProblem):
    """nb-builder does not run on this operating system."""

    code = "platform-unsupported"
    exit_status = 2
    what_text = "nb-builder does not run on {system}."
    why_text = "It forks processes that communicate over UNIX sockets, which {system} does not have."
    fix_text = "Run it in WSL 2, in a Linux container or on Linux."


class HomeUnwritable(BuildProblem):
    """The folder for nb-builder's own environments can't be written."""

    code = "home-unwritable"
    what_text = "nb-builder can't create its environments in {folder}: {reason}."
    why_text = "They are created once, by the first command, and every later command uses them."
    fix_text = "Set NB_BUILDER_HOME to a folder that you can write to, with 1 GB free."


class EnvironmentsNotMade(BuildProblem):
    """nb-builder's own environments could not be created."""

    code = "environments-not-made"
    what_text = "nb-builder's environments could not be created in {folder}; the reason is above."
    why_text = "The first command installs locked packages there, from the package index that pip is configured for."
    fix_text = "Run '{nb_builder} doctor', which checks the network, the index, proxies and disk space; then try again."


class EngineMissing(BuildProblem):
    """A command needs a container engine, and none responds."""

    code = "engine-missing"
    what_text = "No container engine responds: {reason}."
    why_text = "'{command}' builds or reads images."
    fix_text = (
        "Install and start Docker or Podman, or name one: DOCKER=podman. '{nb_builder} run' works without an engine."
    )


class ImageNotBuilt(BuildProblem):
    """The container engine could not build an image."""

    code = "image-not-built"
    what_text = "The image {image} was not built: {program} exited with status {status}; its messages are above."
    why_text = "A failed build creates no image."
    fix_text = "Fix the error in the last lines; '{nb_builder} check' finds many errors without a build."


class IndexNotPushed(BuildProblem):
    """The engine could not push an index of images."""

    code = "index-not-pushed"
    what_text = "The index {name} was not pushed: '{command}' exited with status {status}; its messages are above."
    why_text = "An index names images that are in the same registry, so each is pushed first."
    fix_text = "Log in to the registry with '{program} login', check the name, and run the command again."


class IndexUnfit(BuildProblem):
    """Two images of an index are for the same architecture."""

    code = "index-unfit"
    exit_status = 2
    what_text = "{first} and {second} are both for {architecture}."
    why_text = "An index has one image for each architecture."
    fix_text = "Name one image for each. 'nb-builder build --platform linux/arm64' makes one for another architecture."


class ImageMissing(BuildProblem):
    """The image does not exist on this machine."""

    code = "image-missing"
    what_text = "The image {image} is not on this machine."
    why_text = "{why}"
    fix_text = (
        "Build it first: '{nb_builder} build <folder or git URL> --tag {image}', or with s2i: 's2i build <git "
        "repository> nb-builder {image}'."
    )


class ImageWithoutModel(BuildProblem):
    """An image does not contain a model."""

    code = "image-without-model"
    what_text = "The image {image} has no {folder}."
    why_text = "The command signs the model in a service image."
    fix_text = "Name a service image that '{nb_builder} build' or 's2i build' built."


class ImageUnfitToRebuild(BuildProblem):
    """An image does not record when it was built."""

    code = "image-unfit-to-rebuild"
    what_text = "{file} in the image {image} does not record when the model was built."
    why_text = "The second build uses the date of the first one, so that both can be identical."
    fix_text = "Name a service image that '{nb_builder} build' or 's2i build' built."


class RebuildFailed(BuildProblem):
    """The second build of a rebuild check failed."""

    code = "rebuild-failed"
    what_text = "The second build of {image} failed; its messages are above."
    why_text = "Only two successful builds can be compared."
    fix_text = "Fix the problem above: an index, a package or a setting may be missing on this machine."


class ImageNameInvalid(BuildProblem):
    """A name is not a valid image name."""

    code = "image-name-invalid"
    exit_status = 2
    what_text = "{name!r} is not a valid image name."
    why_text = "Image names consist of lower-case letters, digits and . _ - /, with an optional :tag."
    fix_text = "Choose another name: {nb_builder} build TARGET --tag my-service"


class VariableInvalid(BuildProblem):
    """The argument of `-e` is not a variable with a value."""

    code = "variable-invalid"
    exit_status = 2
    what_text = "{given!r} is not NAME=VALUE."
    why_text = "-e sets a build setting or a service setting."
    fix_text = "Write it as in -e S2I_CELL_TIMEOUT=60; '{nb_builder} settings' lists all settings."


class ManifestsUnwritten(BuildProblem):
    """The manifests can't be written to the folder."""

    code = "manifests-unwritten"
    what_text = "The manifests can't be written to {folder}: {reason}."
    why_text = "Existing files are not replaced, because you may have edited them."
    fix_text = "Name a folder that does not exist yet: --output FOLDER"


class ServiceNameInvalid(BuildProblem):
    """A name is not a valid service name."""

    code = "service-name-invalid"
    exit_status = 2
    what_text = "{name!r} is not a valid service name."
    why_text = "Orchestrators accept lower-case letters, digits and hyphens, at most 40, starting with a letter."
    fix_text = "Choose another name: --name my-service"


class BundleUnreadable(BuildProblem):
    """The file with certificate authorities can't be read."""

    code = "bundle-unreadable"
    exit_status = 2
    what_text = "The certificates in {path} can't be read: {reason}."
    why_text = "The builder image should trust the authorities in that file."
    fix_text = "Name a PEM file with --ca-bundle, or omit it."


class CodeUnknown(BuildProblem):
    """No problem has that code."""

    code = "code-unknown"
    exit_status = 2
    what_text = "{code!r} is not the code of a problem."
    why_text = "A message shows its code in its last lines, after 'problem'.{similar}"
    fix_text = "Correct the code; '{nb_builder} explain' lists all codes."


class FileNotThere(BuildProblem):
    """A file named on the command line does not exist."""

    code = "file-not-there"
    exit_status = 2
    what_text = "{option} names {path}, and there is no such file."
    why_text = "The command reads that file."
    fix_text = "Correct the path; it is relative to the current folder."


class KubectlMissing(BuildProblem):
    """The client of the cluster is not installed."""

    code = "kubectl-missing"
    what_text = "{names} is not on PATH."
    why_text = (
        "'{nb_builder} deploy' and '{nb_builder} undeploy' use it to change a cluster of the platform {platform}."
    )
    fix_text = "Install it and log in to the cluster; '{nb_builder} export-manifests' writes the files without it."


class ClusterRejected(BuildProblem):
    """The cluster can't be reached, or has rejected a request."""

    code = "cluster-rejected"
    what_text = "'{command}' failed: {reason}."
    why_text = "The service is deployed with your own access to the cluster."
    fix_text = "Check the cluster, the namespace and your rights: kubectl auth can-i create deployments"


class DeployForeign(BuildProblem):
    """An object of the service's name belongs to somebody else."""

    code = "deploy-foreign"
    what_text = "These objects were not created by '{nb_builder} deploy' for {name}: {objects}."
    why_text = "Objects of another owner are never changed."
    fix_text = "Choose another name or namespace with --name or --namespace."


class DeployFailed(BuildProblem):
    """The pods of a deployed service did not become ready."""

    code = "deploy-failed"
    what_text = "{name} was not deployed from {image}: {reason}"
    why_text = "{after}"
    fix_text = (
        "Fix the error above and deploy again. If the log shows the code of a problem, run '{nb_builder} explain CODE'."
    )


class HostInvalid(BuildProblem):
    """A host name is not valid."""

    code = "host-invalid"
    exit_status = 2
    what_text = "{host!r} is not a valid host name."
    why_text = "Host names consist of lower-case letters, digits, hyphens and dots."
    fix_text = "Correct it: --host my-service.example.com"


class RegistryUnset(BuildProblem):
    """An image that was built on this machine is to run on a cluster."""

    code = "registry-unset"
    exit_status = 2
    what_text = "{target} is built on this machine, and no registry was named."
    why_text = "A cluster pulls images from a registry."
    fix_text = "Name one: {nb_builder} deploy {target} --to {platform} --registry registry.example.org/team"


class ImageNotPushed(BuildProblem):
    """The engine could not push an image."""

    code = "image-not-pushed"
    what_text = "The image {image} was not pushed: {program} exited with status {status}; its messages are above."
    why_text = "The cluster pulls the image from that registry."
    fix_text = "Log in to the registry with '{program} login', check its name, and run the command again."
