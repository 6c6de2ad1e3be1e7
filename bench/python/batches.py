"""Batches in safetensors files, without PyTorch, so that onnxruntime and OpenVINO are measured without its memory."""

import re


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def grouped(tensors):
    """Tensors by `<index>/<camelCaseInput>` as one dictionary of keyword arguments for each batch."""
    batches = {}
    for key, tensor in tensors.items():
        index, name = key.split("/")
        batches.setdefault(int(index), {})[snake(name)] = tensor
    return [batches[index] for index in sorted(batches)]


def read_arrays(path):
    """Batches of numpy arrays."""
    from safetensors.numpy import load_file

    return grouped(load_file(path))
