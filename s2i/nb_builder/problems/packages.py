"""Problems of requirements and their installation."""

from nb_builder.problems.build_problem import BuildProblem


class RequirementsMalformed(BuildProblem):
    """`requirements` is not a list of requirements, or one of its entries can't be read."""

    code = "requirements-malformed"
    what_text = "'requirements' can't be read: {reason}."
    why_text = 'It must be a list of [name, version] pairs, for example requirements = [["numpy", "1.26.4"]].'
    fix_text = "Correct it in {notebook}, or rename the variable if it is something else; then build again."


class RequirementIsOption(BuildProblem):
    """A requirements line has an option that a build does not accept."""

    code = "requirement-is-option"
    what_text = "{where} has the option {entry!r}, which a build does not accept."
    why_text = "It could change how or where packages are installed; only -r, -c, -e and index options are accepted."
    fix_text = "Remove it. pip settings (PIP_*, pip.conf) apply to every build."


class IndexNotAllowed(BuildProblem):
    """The requirements name a package index that this build does not allow."""

    code = "index-not-allowed"
    what_text = "{where} takes packages from {index}, which this build does not allow."
    why_text = (
        "Packages run code in the build and in the service, so the person who builds decides which indexes are allowed."
    )
    fix_text = "Set S2I_ALLOW_INDEXES={host} if you trust it, or remove the line; PIP_INDEX_URL is always allowed."


class GitMissing(BuildProblem):
    """A requirement is a git repository, and git is not installed."""

    code = "git-missing"
    what_text = "{where} requires {entry}, but git is not installed, so it can't be cloned."
    why_text = "The builder image does not include git: git and its dependencies are 100 MB, and few notebooks need it."
    fix_text = (
        "Use a builder image that includes git ('{nb_builder} builder --apt git'), or commit a wheel and list its "
        "path instead."
    )


class GitFailed(BuildProblem):
    """git could not fetch a requirement."""

    code = "git-failed"
    what_text = "git could not fetch {url}: {reason}"
    why_text = (
        "The requirement is cloned from there, at that commit, tag or branch. Builds run unattended, so git can't ask "
        "for a password."
    )
    fix_text = (
        "Correct the address or the branch. For a private repository, put a token into an environment variable and "
        "write git+https://${{TOKEN}}@host/repository."
    )


class RequirementsNeedPackages(BuildProblem):
    """`requirements` is computed by code that fails because no package is installed yet."""

    code = "requirements-need-packages"
    what_text = "The code that computes 'requirements' in {notebook} fails: {error}."
    why_text = "It runs before any package is installed, so it can only use the standard library."
    fix_text = "Write 'requirements' as a plain list, or compute it with the standard library."


class RequirementsMissing(BuildProblem):
    """The notebook imports packages but declares none."""

    code = "requirements-missing"
    what_text = "{notebook} imports {modules}, and no requirements list the packages to install."
    why_text = (
        "Only the packages in 'requirements', or in a file such as requirements.txt, are installed for the notebook."
    )
    fix_text = "Add a cell, with the versions that you use: requirements = {cell}"


class RequirementsEmpty(BuildProblem):
    """The notebook imports packages, but its requirements files are empty."""

    code = "requirements-empty"
    what_text = "{notebook} imports {modules}, and {files} lists no packages."
    why_text = "Only the packages that the notebook or a file of the repository lists are installed for the notebook."
    fix_text = "List them there, or add a cell, with the versions that you use: requirements = {cell}"


class RequirementsUnreadable(BuildProblem):
    """The file that lists the packages to install can't be read."""

    code = "requirements-unreadable"
    what_text = "{file} lists the packages to install, but can't be read: {reason}."
    why_text = "{notebook} imports {modules}, and nothing else lists packages for it."
    fix_text = "Correct {file}, or add a cell, with the versions that you use: requirements = {cell}"


class LockOutdated(BuildProblem):
    """The repository's lock file does not match the notebook's requirements."""

    code = "lock-outdated"
    what_text = "The cell requires {requirement}, and {lock} has {has}."
    why_text = "A lock file in the repository is installed exactly as it is, so it must match 'requirements'."
    fix_text = "Delete {lock} and build again; then copy the new build/requirements.lock into the repository."


class DateUnknown(BuildProblem):
    """S2I_RESOLVE_AS_OF=auto is set, but the date of the notebook's last change is unknown."""

    code = "date-unknown"
    what_text = "S2I_RESOLVE_AS_OF=auto is set, but the date of the last change of {notebook} is unknown."
    why_text = "The build found neither a commit of the notebook (.git, and git to read it) nor a time in its metadata."
    fix_text = "Set the date: S2I_RESOLVE_AS_OF=YYYY-MM-DD, as printed by 'git log -1 --format=%cs -- {notebook}'."


class NotYetPublished(BuildProblem):
    """A requirement was published after the date of S2I_RESOLVE_AS_OF."""

    code = "not-yet-published"
    what_text = "A requirement is not available as of {day}: {reason}"
    why_text = "The date comes from {source}; the build ignores all packages that were published later."
    fix_text = "Set a later date, S2I_RESOLVE_AS_OF=YYYY-MM-DD, or require an older version."


class IndexWithoutDates(BuildProblem):
    """The package index does not report when its files were uploaded."""

    code = "index-without-dates"
    what_text = "The package index reports no upload dates ({file}), so the packages as of {day} are unknown."
    why_text = "S2I_RESOLVE_AS_OF needs an index that reports upload times (PEP 700), as pypi.org does."
    fix_text = "Unset S2I_RESOLVE_AS_OF and pin the versions, or use an index that reports upload times."


class WheelMissing(BuildProblem):
    """A pinned version has no wheel for this Python, and building it from source failed."""

    code = "wheel-missing"
    what_text = "{pin}{where} has no wheel for Python {python}, and building it from source failed: {reason}"
    why_text = "Versions of {name} with a wheel for Python {python}: {versions}; {pin} has one for {pythons}."
    fix_text = "Pin a version that has a wheel{other}.{compilers}"


class VersionMissing(BuildProblem):
    """A requirement is not available: the package or version does not exist, or not for this Python."""

    code = "version-missing"
    what_text = "A requirement is not available for Python {python}: {reason}"
    why_text = "The package index has no matching version; the installer's own messages are above."
    fix_text = "Correct the name or the version in 'requirements', or choose another Python with S2I_PYTHON.{hint}"


class RequirementsConflict(BuildProblem):
    """Two requirements conflict with each other."""

    code = "requirements-conflict"
    what_text = "The requirements conflict with each other: {reason}"
    why_text = "No set of versions satisfies all of them."
    fix_text = "Change one of the pinned versions so that they agree."


class IndexUnreachable(BuildProblem):
    """The package index can't be reached."""

    code = "index-unreachable"
    what_text = "The package index can't be reached: {reason}"
    why_text = "Packages are downloaded from it. The cause is the network or a setting, not the notebook."
    fix_text = "Check the network, PIP_INDEX_URL, the proxy settings and, behind a company proxy, S2I_CA_BUNDLE."


class InstallFailed(BuildProblem):
    """The installer failed for another reason."""

    code = "install-failed"
    what_text = "The requirements could not be installed: {reason}"
    why_text = "{installer} failed; its own messages are above."
    fix_text = "Look for the package that these messages name. A version with a wheel for Python {python} often helps."
