#!/bin/bash
# Starts one worker on each host by ssh, in the same folder everywhere: examples/distributed/ssh.sh node0 node1 -- train vqa --config vqa.json
set -euo pipefail

hosts=()
while (($# > 0)) && [[ $1 != -- ]]; do
  hosts+=("$1")
  shift
done
shift
workers=$(printf '"%s:2222",' "${hosts[@]}")

for index in "${!hosts[@]}"; do
  config="{\"cluster\": {\"worker\": [${workers%,}]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"
  ssh "${hosts[$index]}" "cd $(printf %q "$PWD") && TF_CONFIG=$(printf %q "$config") exec npx visualbert $(printf '%q ' "$@")" &
done
wait
