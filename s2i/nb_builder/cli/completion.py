"""Completion of commands and options for bash, zsh and fish, generated from the parser."""

from collections.abc import Mapping, Sequence

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_nb_builder() {{
	local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
	if [[ ${{COMP_CWORD}} -eq 1 ]]; then
		words="{commands}"
	elif [[ ${{word}} == -* ]]; then
		case "${{COMP_WORDS[1]}}" in
{cases}
		esac
	fi
	COMPREPLY=($(compgen -W "${{words}}" -- "${{word}}"))
}}
complete -o default -F _nb_builder nb-builder
"""
# zsh reads bash completions.
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, options: Mapping[str, Sequence[str]], helps: Mapping[str, str]) -> str:
    """Return the script for `shell`; `options` and `helps` are dicts by command."""
    if shell == "fish":
        return _fish(options, helps)
    cases = "\n".join(f'\t\t{command}) words="{" ".join(names)}" ;;' for command, names in options.items())
    bash = _BASH.format(commands=" ".join(options), cases=cases)
    return _ZSH + bash if shell == "zsh" else bash


def _fish(options: Mapping[str, Sequence[str]], helps: Mapping[str, str]) -> str:
    lines = []
    for command, names in options.items():
        text = helps[command].replace("'", "\\'")
        lines.append(f"complete -c nb-builder -n __fish_use_subcommand -f -a {command} -d '{text}'")
        lines += [
            f"complete -c nb-builder -n '__fish_seen_subcommand_from {command}' -l {option[2:]}"
            for option in names
            if option.startswith("--")
        ]
    return "\n".join(lines) + "\n"
