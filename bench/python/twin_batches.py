"""Trains transformers' class on batches written by our side, in the same order, and writes its losses and logits.

`python twin_batches.py '{"class_name": ..., "model": folder, "train": file, "evaluate": file, "out": file, "threads": 2, ...}'`
"""

import json
import sys

import torch
import transformers
from safetensors.torch import save_file
from training import adamw, for_model, read_batches, train_step


def main(class_name, model, train, evaluate, out, threads, learning_rate, weight_decay, max_grad_norm):
    torch.set_num_threads(threads)
    network = getattr(transformers, class_name).from_pretrained(model).train()
    optimizer = adamw(network, learning_rate, weight_decay)
    losses = [train_step(network, optimizer, batch, max_grad_norm) for batch in read_batches(train)]
    network.eval()
    with torch.inference_mode():
        logits = [network(**without_labels(batch)).logits for batch in read_batches(evaluate)]
    save_file({"losses": torch.tensor(losses), "logits": torch.cat(logits)}, out)


def without_labels(batch):
    return {name: value for name, value in for_model(batch).items() if "labels" not in name}


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
