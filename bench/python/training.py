"""The PyTorch side shared by all comparisons: batches from safetensors, parameter groups, one training step."""

import torch
from batches import grouped
from safetensors.torch import load_file


def read_batches(path):
    """Batches of a file as keyword arguments for transformers."""
    return grouped(load_file(path))


def for_model(batch):
    """Ids as torch wants them."""
    return {name: value.long() if value.dtype == torch.int32 else value for name, value in batch.items()}


def parameter_groups(model, weight_decay):
    """Two groups: biases and layer-norm scales are not decayed."""
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        (plain if "bias" in name or "LayerNorm.weight" in name else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def adamw(model, learning_rate, weight_decay, fused=False):
    return torch.optim.AdamW(parameter_groups(model, weight_decay), lr=learning_rate, fused=fused or None)


def train_step(model, optimizer, batch, max_grad_norm, autocast=None):
    """One update; returns the loss as a number."""
    optimizer.zero_grad(set_to_none=True)
    if autocast is None:
        loss = model(**for_model(batch)).loss
    else:
        with torch.autocast("cuda" if batch["input_ids"].is_cuda else "cpu", dtype=autocast):
            loss = model(**for_model(batch)).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    return loss.item()
