#!/bin/bash
# VQA 2.0 with one worker on each node: sbatch examples/distributed/slurm.sh
#SBATCH --job-name=visualbert-vqa
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
workers=$(sed 's/.*/"&:2222"/' <<<"$hosts" | paste -sd, -)
export workers
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # srun does not take it over from sbatch since Slurm 22.05

# Each task has its own number; the quotes keep the variables for the nodes. Without npx, which does not pass signals on.
status=0
srun --kill-on-bad-exit=0 bash -c 'export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
  exec node_modules/.bin/visualbert train vqa --config vqa.json --output-dir runs/vqa $(test -e runs/vqa/run.json && echo --resume)' || status=$?

# Exit code 138: a worker was lost. The job goes back into the queue, at most three times.
if ((status == 138 && ${SLURM_RESTART_COUNT:-0} < 3)); then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
