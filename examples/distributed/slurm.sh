#!/bin/bash
# VQA 2.0 with one worker on each node: sbatch examples/distributed/slurm.sh
#SBATCH --job-name=visualbert-vqa
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
set -euo pipefail

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
workers=$(sed 's/.*/"&:2222"/' <<<"$hosts" | paste -sd, -)
export workers

# Each task has its own number; the quotes keep the variables for the nodes.
srun bash -c 'export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
  exec npx visualbert train vqa --config vqa.json --output-dir runs/vqa $(test -e runs/vqa/run.json && echo --resume)'
