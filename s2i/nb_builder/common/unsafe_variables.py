"""Variables that can make a starting program run other code: only the user of this machine may set them.

Repositories and images may not set them. `s2i/bin` removes as many as it can before a build or a service starts.
"""

from collections.abc import Mapping

# Variables of shells, the C library, the resolver, OpenSSL, and nb-builder.
_NAMES = frozenset(
    (
        *("PATH", "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "CDPATH", "GLOBIGNORE", "PROMPT_COMMAND"),
        *("GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "RESOLV_HOST_CONF", "RES_OPTIONS"),
        *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSLKEYLOGFILE"),
        *("PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS"),
        *("EDITOR", "VISUAL", "PAGER", "BROWSER", "DOCKER", "MAKEFLAGS", "MAKEFILES"),
        *("NB_BUILDER_HOME", "NB_BUILDER_PYTHON", "APP_ROOT", "HOME", "IFS", "SHELL"),
    )
)
_BEGINNINGS = ("LD_", "DYLD_", "PYTHON", "BASH_FUNC_", "GIT_", "DOCKER_", "CONTAINER_")
# Notebooks need these, and they can't make a program run other code.
_HARMLESS = frozenset(("PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONWARNINGS"))


def is_unsafe(name: str) -> bool:
    """Return whether a variable with this name can make a program run other code."""
    return name not in _HARMLESS and (name in _NAMES or name.startswith(_BEGINNINGS) or not name.isidentifier())


def without(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the safe variables."""
    return {name: value for name, value in variables.items() if not is_unsafe(name)}
