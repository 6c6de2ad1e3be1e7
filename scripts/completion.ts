// Shell completion of commands, flags and their values. Paths and texts get no suggestions, so that the shell completes file names.
import { DETECTOR_NAMES } from '../src/node.js';

/** Suggested values of flags that also take other values. */
const SUGGESTED: Readonly<Record<string, readonly string[]>> = { detector: DETECTOR_NAMES };

/** The flags of a command by the kind of value that they take, as yargs lists them. */
export interface FlagKinds {
  string: readonly string[];
  number: readonly string[];
  array: readonly string[];
  choices: Readonly<Record<string, readonly string[]>>;
}

/**
 * @param words of the line up to the cursor; the last one is being typed and may be empty
 * @param found what yargs finds, for zsh each with `:` and a description
 */
export function completions(
  words: readonly string[],
  { string, number, array, choices }: FlagKinds,
  found: readonly string[],
): readonly string[] {
  const joined = /^--([\w-]+)=(.*)$/.exec(words.at(-1) ?? '');
  if (joined !== null) {
    const [, name = '', start = ''] = joined;
    const values = (choices[name] ?? SUGGESTED[name] ?? []).filter((value) => value.startsWith(start));
    return values.map((value) => `--${name}=${value}`);
  }
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const flag = before.startsWith('--') ? before.slice(2) : '';
  if (!current.startsWith('-') && !(flag in choices)) {
    if (flag in SUGGESTED) return (SUGGESTED[flag] ?? []).filter((value) => value.startsWith(current));
    if ([...string, ...number, ...array].includes(flag)) return [];
  }
  return found.filter((one) => current.startsWith('-') || !one.startsWith('-'));
}

export const SHELLS = ['bash', 'zsh'] as const;

/** What a shell reads at its start to complete the command. */
export function completionScript(shell: (typeof SHELLS)[number]): string {
  return shell === 'bash' ? BASH : ZSH;
}

/** Bash cuts `--precision=b` into three words: they are handed over without the sign, as `--precision b`. */
const BASH = `###-begin-visualbert-completions-###
# visualbert completion bash >> ~/.bashrc
_visualbert_completions()
{
    local word current="\${COMP_WORDS[COMP_CWORD]}" args=() values=()
    [ "$current" = "=" ] && current=""
    for word in "\${COMP_WORDS[@]:0:COMP_CWORD}" "$current"; do
        [ "$word" = "=" ] || args+=("$word")
    done
    mapfile -t values < <(visualbert --get-yargs-completions "\${args[@]}")
    mapfile -t COMPREPLY < <(compgen -W "\${values[*]}" -- "$current")
}
complete -o bashdefault -o default -F _visualbert_completions visualbert
###-end-visualbert-completions-###`;

const ZSH = `#compdef visualbert
###-begin-visualbert-completions-###
# visualbert completion zsh >> ~/.zshrc
_visualbert_completions()
{
  local reply
  local si=$IFS
  IFS=$'\\n' reply=($(COMP_CWORD="$((CURRENT-1))" COMP_LINE="$BUFFER" COMP_POINT="$CURSOR" visualbert --get-yargs-completions "\${words[@]}"))
  IFS=$si
  if [[ \${#reply} -gt 0 ]]; then
    _describe 'values' reply
  else
    _default
  fi
}
if [[ "\${zsh_eval_context[-1]}" == "loadautofunc" ]]; then
  _visualbert_completions "$@"
else
  compdef _visualbert_completions visualbert
fi
###-end-visualbert-completions-###`;
