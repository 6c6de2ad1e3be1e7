#!/bin/bash
# Starts one worker on each host by ssh, in the same folder everywhere, and resumes the run if there is one:
# examples/distributed/ssh.sh node0 node1 -- train vqa --config vqa.json --output-dir runs/vqa
# On Ctrl-C or SIGTERM worker 0 saves, and all stop. The exit code is the smallest of the workers' that is not 0: an error (1) before a lost worker (138).
set -euo pipefail

hosts=()
while (($# > 0)) && [[ $1 != -- ]]; do
  hosts+=("$1")
  shift
done
output=
for word in "$@"; do
  [[ ${previous-} == --output-dir ]] && output=$word
  previous=$word
done
if ((${#hosts[@]} == 0)) || [[ -z $output ]]; then
  echo "usage: $0 HOST... -- train TASK --output-dir DIR ..." >&2
  exit 1
fi
shift
workers=$(printf '"%s:2222",' "${hosts[@]}")

# What runs on each host, with the run folder in $0. ssh passes no signals on, but it does pass on the end of its input, at which the worker gets SIGTERM.
# Without npx, which does not pass signals on either.
# shellcheck disable=SC2016
remote='[[ -e $0/run.json ]] && set -- "$@" --resume
node_modules/.bin/visualbert "$@" &
worker=$!
{ read -r; kill "$worker"; } <&0 >/dev/null 2>&1 &
wait "$worker"
status=$?
kill $!
exit "$status"'

# Descriptor 3 holds the input of all ssh processes open. It closes when this script ends, however it does.
pipe=$(mktemp -u)
mkfifo "$pipe"
exec 3<>"$pipe" 4<"$pipe"
rm "$pipe"
trap 'interrupted=1; exec 3>&-' INT TERM

processes=()
for index in "${!hosts[@]}"; do
  config="{\"cluster\": {\"worker\": [${workers%,}]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"
  ssh "${hosts[$index]}" "cd $(printf %q "$PWD") && TF_CONFIG=$(printf %q "$config") exec bash -c '$remote' $(printf '%q ' "$output" "$@")" <&4 3>&- 4<&- &
  processes+=($!)
done
exec 4<&-

status=0
for process in "${processes[@]}"; do
  while
    interrupted=
    code=0
    wait "$process" || code=$?
    [[ -n $interrupted ]] # a signal ends `wait`, not the process
  do :; done
  if ((code != 0 && (status == 0 || code < status))); then status=$code; fi
done
exit "$status"
