"""Creates the files of a measurement: a checkpoint with random weights, batches of inputs, an ONNX export.

`python workload.py '{"do": "model" | "batches" | "onnx" | "onnx-int8", ...}'`; what exists already is kept.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

TEXT, REGIONS, WIDTH, VOCABULARY, ANSWERS = 20, 36, 2048, 30522, 3129


def model(folder, class_name, num_labels):
    """A VisualBERT base checkpoint as transformers saves it, in both formats."""
    import torch
    import transformers

    folder = Path(folder)
    if (folder / "pytorch_model.bin").exists():
        return
    torch.manual_seed(0)
    config = transformers.VisualBertConfig(visual_embedding_dim=WIDTH, num_labels=num_labels)
    made = getattr(transformers, class_name)(config)
    made.save_pretrained(folder)
    torch.save(made.state_dict(), folder / "partial.bin")
    os.replace(folder / "partial.bin", folder / "pytorch_model.bin")


def masks(random, batch):
    """Every fourth row is padded by up to a third, text and regions each; a single one is not, as nobody would pad it."""
    text, regions = np.ones((batch, TEXT), np.int32), np.ones((batch, REGIONS), np.int32)
    for row in range(3, batch, 4):
        text[row, TEXT - random.integers(1, TEXT // 3 + 1) :] = 0
        regions[row, REGIONS - random.integers(1, REGIONS // 3 + 1) :] = 0
    return text, regions


def one_batch(random, batch, task):
    text, regions = masks(random, batch)
    ids = random.integers(1000, VOCABULARY, (batch, TEXT)).astype(np.int32)
    ids[:, 0] = 101
    inputs = {
        "inputIds": ids * text,
        "attentionMask": text,
        "tokenTypeIds": np.zeros((batch, TEXT), np.int32),
        "visualEmbeds": np.abs(random.standard_normal((batch, REGIONS, WIDTH), np.float32)),
        "visualAttentionMask": regions,
        "visualTokenTypeIds": np.zeros((batch, REGIONS), np.int32),
    }
    if task == "vqa":
        labels = np.zeros((batch, ANSWERS), np.float32)
        for row in labels:
            chosen = random.choice(ANSWERS, 3, replace=False)
            row[chosen] = random.choice([0.3, 0.6, 0.9, 1.0], 3)
        return inputs | {"labels": labels}
    # 15% of the words are masked: three of twenty.
    positions = np.sort(np.stack([random.choice(np.arange(1, TEXT * 2 // 3), 3, replace=False) for _ in range(batch)]), 1)
    chosen = np.take_along_axis(inputs["inputIds"], positions, 1)
    labels = np.full((batch, TEXT + REGIONS), -100, np.int32)
    np.put_along_axis(labels, positions, chosen, 1)
    np.put_along_axis(inputs["inputIds"], positions, 103, 1)
    return inputs | {
        "labels": labels,
        "sentenceImageLabels": random.integers(0, 2, batch).astype(np.int32),
        "maskedPositions": positions.astype(np.int32),
        "maskedLabels": chosen,
    }


def batches(path, task, batch, count):
    from safetensors.numpy import save_file

    path = Path(path)
    if path.exists():
        return
    random = np.random.default_rng(1)
    made = [one_batch(random, batch, task) for _ in range(count)]
    save_file({f"{i}/{name}": np.ascontiguousarray(a) for i, b in enumerate(made) for name, a in b.items()}, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def onnx(path, folder, class_name, batches):
    """The forward pass with dynamic batch size, all masks and types as inputs."""
    import torch
    import transformers

    from training import for_model, read_batches

    path = Path(path)
    if path.exists():
        return
    network = getattr(transformers, class_name).from_pretrained(folder).eval()
    example = {name: value for name, value in for_model(read_batches(batches)[0]).items() if "abels" not in name}
    names = list(example)

    class Positional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, *values):
            return self.network(**dict(zip(names, values))).logits

    partial = path.with_suffix(".part")
    torch.onnx.export(
        Positional(), tuple(example.values()), str(partial), input_names=names, output_names=["logits"], dynamo=False,
        dynamic_axes={name: {0: "batch"} for name in names}, opset_version=17,
    )  # fmt: skip
    os.replace(partial, path)


def onnx_int8(path, source):
    """Weights of each output channel in 8 bits, activations quantized in each run."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = Path(path)
    if path.exists():
        return
    partial = path.with_suffix(".part")
    quantize_dynamic(source, partial, weight_type=QuantType.QInt8, per_channel=True)
    os.replace(partial, path)


if __name__ == "__main__":
    command = json.loads(sys.argv[1])
    {"model": model, "batches": batches, "onnx": onnx, "onnx-int8": onnx_int8}[command.pop("do")](**command)
