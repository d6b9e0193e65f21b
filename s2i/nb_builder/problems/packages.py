"""What can be wrong with requirements, and with installing them."""

from nb_builder.problems.build_problem import BuildProblem


class RequirementsMalformed(BuildProblem):
    """`requirements` is not a list of requirements, or an entry of it can't be read."""

    code = "requirements-malformed"
    what_words = "'requirements' can't be read: {reason}."
    why_words = 'It is a list of [name, version] pairs, for example requirements = [["numpy", "1.26.4"]].'
    fix_words = "Correct it in {notebook}, or give it another name if it is something else; then build again."


class RequirementIsOption(BuildProblem):
    """A line of requirements has an option that a build does not accept."""

    code = "requirement-is-option"
    what_words = "{where} has the option {entry!r}, which a build does not accept."
    why_words = "It could change how or where packages are installed; -r, -c, -e and those for indexes are accepted."
    fix_words = "Remove it; what is set for pip (PIP_*, pip.conf) counts for every build."


class IndexNotAllowed(BuildProblem):
    """Requirements name an index that this build does not allow."""

    code = "index-not-allowed"
    what_words = "{where} takes packages from {index}, and this build does not allow that."
    why_words = (
        "A package runs code in the build and in the service, so the person who builds decides which "
        "indexes are allowed."
    )
    fix_words = "Set S2I_ALLOW_INDEXES={host} if you trust it, or remove the line; PIP_INDEX_URL is always allowed."


class GitMissing(BuildProblem):
    """A requirement is a git repository, and there is no git here."""

    code = "git-missing"
    what_words = "{where} asks for {entry}, and there is no git here to clone it."
    why_words = "The builder image has none, because git and its dependencies take 100 MB and few notebooks need it."
    fix_words = "Build with an image made by 'make build APT=git', or commit a wheel and name its path instead."


class GitFailed(BuildProblem):
    """git could not fetch a requirement."""

    code = "git-failed"
    what_words = "git could not fetch {url}: {reason}"
    why_words = "The requirement is cloned from there, at the commit, tag or branch that it names; nobody can log in."
    fix_words = "Correct address or branch; a private one takes a token: git+https://${{TOKEN}}@…, set from outside."


class RequirementsNeedPackages(BuildProblem):
    """`requirements` is computed by code that fails where no package is installed yet."""

    code = "requirements-need-packages"
    what_words = "The code that computes 'requirements' in {notebook} fails: {error}."
    why_words = "It runs before any package is installed, so it can use the standard library only."
    fix_words = "Write 'requirements' as a plain list, or compute it with the standard library."


class RequirementsMissing(BuildProblem):
    """The notebook declares nothing and imports packages."""

    code = "requirements-missing"
    what_words = "{notebook} imports {modules}, and nothing says which packages to install."
    why_words = "Only what 'requirements', or a file such as requirements.txt, lists is installed for the notebook."
    fix_words = "Add a cell, with the versions that you use: requirements = {cell}"


class RequirementsEmpty(BuildProblem):
    """The files that could say which packages to install name none, and the notebook imports some."""

    code = "requirements-empty"
    what_words = "{notebook} imports {modules}, and no packages are named in {files}."
    why_words = "Only what the notebook or a file of the repository lists is installed for the notebook."
    fix_words = "Name them there, or add a cell, with the versions that you use: requirements = {cell}"


class RequirementsUnreadable(BuildProblem):
    """The file that says which packages to install can't be read."""

    code = "requirements-unreadable"
    what_words = "{file} says which packages to install, and can't be read: {reason}."
    why_words = "{notebook} imports {modules}, and nothing else says what to install for it."
    fix_words = "Correct {file}, or add a cell, with the versions that you use: requirements = {cell}"


class LockOutdated(BuildProblem):
    """The repository's lock does not give what the notebook asks for."""

    code = "lock-outdated"
    what_words = "The cell asks for {requirement}, and {lock} has {has}."
    why_words = "A lock in the repository is installed exactly as it is, so it must fit 'requirements'."
    fix_words = "Delete {lock} and build again; copy the new build/requirements.lock into the repository."


class DateUnknown(BuildProblem):
    """S2I_RESOLVE_AS_OF=auto, and nothing says when the notebook last changed."""

    code = "date-unknown"
    what_words = "S2I_RESOLVE_AS_OF=auto, and nothing says when {notebook} last changed."
    why_words = "There is neither a commit of it here (.git, and git to read it) nor a time in its metadata."
    fix_words = "Name the date: S2I_RESOLVE_AS_OF=YYYY-MM-DD, as 'git log -1 --format=%cs -- {notebook}' prints it."


class NotYetPublished(BuildProblem):
    """A requirement was published after the date that requirements are resolved to."""

    code = "not-yet-published"
    what_words = "A requirement is not available as of {day}: {reason}"
    why_words = "The date comes from {source}; nothing that was published later is taken."
    fix_words = "Take a later date, S2I_RESOLVE_AS_OF=YYYY-MM-DD, or require an older version."


class IndexWithoutDates(BuildProblem):
    """The package index does not say when its files were uploaded."""

    code = "index-without-dates"
    what_words = "The package index does not say when its files were uploaded ({file}), so none is known as of {day}."
    why_words = "S2I_RESOLVE_AS_OF needs an index that gives upload times (PEP 700), as pypi.org does."
    fix_words = "Leave S2I_RESOLVE_AS_OF out and pin the versions, or use an index that gives upload times."


class WheelMissing(BuildProblem):
    """A pin has no wheel for this Python, and its source can't be built here."""

    code = "wheel-missing"
    what_words = "{pin}{where} has no wheel for Python {python}, and building it from its source failed: {reason}"
    why_words = "Versions of {name} with a wheel for Python {python}: {versions}; {pin} has one for {pythons}."
    fix_words = "Pin a version that has a wheel{other}.{compilers}"


class VersionMissing(BuildProblem):
    """A requirement is not available: no such package, no such version, or none for this Python."""

    code = "version-missing"
    what_words = "A requirement is not available for Python {python}: {reason}"
    why_words = "The package index offers nothing that fits; the installer's own messages are above."
    fix_words = "Correct the name or the version in 'requirements', or choose another Python with S2I_PYTHON.{hint}"


class RequirementsConflict(BuildProblem):
    """Two requirements exclude each other."""

    code = "requirements-conflict"
    what_words = "The requirements exclude each other: {reason}"
    why_words = "No set of versions fits all of them."
    fix_words = "Change one of the pins so that they agree."


class IndexUnreachable(BuildProblem):
    """The package index did not answer."""

    code = "index-unreachable"
    what_words = "The package index can't be reached: {reason}"
    why_words = "The requirements are downloaded from it; the fault is in the network or settings, not in the notebook."
    fix_words = "Check the network, PIP_INDEX_URL, the proxy settings and, behind a company proxy, S2I_CA_BUNDLE."


class InstallFailed(BuildProblem):
    """The installer failed for a reason of its own."""

    code = "install-failed"
    what_words = "The requirements could not be installed: {reason}"
    why_words = "{installer} gave up; its own messages are above."
    fix_words = "Look for the package that they name; a version with a wheel for Python {python} often helps."
