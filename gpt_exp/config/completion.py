"""Completion in bash, zsh and fish: verbs by us, groups, options and keys by Hydra's plugin."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable

from gpt_exp.config.help import defaults_of
from gpt_exp.config.location import groups, root_config

# A `=` breaks words in bash, so only what follows it may be offered.
BASH = """\
_gpt_exp() {
    local IFS=$'\\n' word="${COMP_LINE:0:$COMP_POINT}" line="${COMP_LINE:0:$COMP_POINT}"
    word="${word##* }"
    COMPREPLY=($(COMP_LINE="$line" gpt-exp completion query 2>/dev/null))
    if [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}")
    fi
}
complete -o nospace -F _gpt_exp gpt-exp"""

ZSH = """\
autoload -Uz compinit && compinit -u
_gpt_exp() {
    local -a found
    found=(${(f)"$(COMP_LINE="$LBUFFER" gpt-exp completion query 2>/dev/null)"})
    compadd -S '' -a found
}
compdef _gpt_exp gpt-exp"""

FISH = """\
function __gpt_exp
    COMP_LINE=(commandline -cp) gpt-exp completion query 2>/dev/null
end
complete -c gpt-exp -f -a '(__gpt_exp)'"""


def script(shell: str) -> str:
    """What a shell sources to complete `gpt-exp`."""
    return {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]


def candidates(line: str, verbs: Iterable[str]) -> list[str]:
    """All words that may stand where a command line ends, e.g. `gpt-exp train mod`."""
    words = line.split()[1:]
    if not words or (len(words) == 1 and not line.endswith(" ")):
        return [f"{verb} " for verb in (*verbs, "completion") if verb.startswith(words[0] if words else "")]
    verb = words[0]
    if verb not in verbs:
        return []
    found = [word for word in _asked_of_hydra(verb, line.partition(verb)[2]) if _offered(word, verb)]
    return [each for word in found for each in _open_ended(word)]


def _open_ended(word: str) -> list[str]:
    """Hydra leaves a group that holds options and groups (sweep) without what may follow."""
    return [f"{word}=", f"{word}/"] if word in groups() else [word]


def _offered(word: str, verb: str) -> bool:
    """Not Hydra's own keys, `_target_`s, bases of options, nor groups that this verb does not read."""
    key, _, value = word.partition("=")
    group = key.partition(".")[0]
    hidden = group.startswith("hydra") or "._" in key or value.startswith("_")
    return not hidden and (group in defaults_of(verb) or group not in groups())


def _asked_of_hydra(verb: str, line: str) -> list[str]:
    """Hydra's fish completion answers a candidate a line, so values may hold blanks."""
    from gpt_exp.config import hydra_app

    arguments = ["-sc", "query=fish"]
    if "--config-dir" in (words := line.split()) and len(words) > (at := words.index("--config-dir") + 1):
        arguments += ["--config-dir", words[at]]
    os.environ["COMP_LINE"] = f"gpt-exp {line.lstrip()}"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        flags = hydra_app.parse(verb, arguments)
        hydra_app.hand_over(root_config(verb), flags, flags.overrides, lambda *_: None)
    return printed.getvalue().split("\n")[:-1]
