"""The Python side of a measurement: PyTorch, onnxruntime or OpenVINO; see protocol.py for its commands."""

import time

import protocol

state = {}


def start(engine, mode, model, class_name, batches, batch, precision="fp32", compiled=False, dropout=0.1, threads=2, fused=False,
          learning_rate=2e-5, weight_decay=0.01, max_grad_norm=1.0, device="cpu", worker=None, cluster=None, **_):  # fmt: skip
    begin = time.perf_counter()
    exported = {"onnxruntime": onnx_forward, "openvino": openvino_forward}
    runner = exported.get(engine) or (torch_train if mode == "train" else torch_forward)
    state["step"] = runner(**locals())
    state["index"] = 0
    return {"startMs": 1000 * (time.perf_counter() - begin)}


def load_model(class_name, model, dropout, device):
    import transformers

    cls = getattr(transformers, class_name)
    loaded = cls.from_pretrained(model, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    return loaded.to(device)


def prepared(batches, threads):
    import torch

    from training import read_batches

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    made = read_batches(batches)
    for batch in made:
        batch.pop("masked_positions", None)
        batch.pop("masked_labels", None)
    return made


def torch_train(class_name, model, batches, precision, compiled, dropout, threads, fused, learning_rate, weight_decay, max_grad_norm,
                device, worker=None, cluster=None, **_):  # fmt: skip
    import torch

    from training import adamw, train_step

    data = [rows_of_worker(batch, worker) for batch in prepared(batches, threads)]
    network = load_model(class_name, model, dropout, device).train()
    optimizer = adamw(network, learning_rate, weight_decay, fused)
    called = torch.compile(network) if compiled else network
    if cluster is not None:
        called = data_parallel(network, worker["index"], cluster["addresses"])
    autocast = torch.bfloat16 if precision == "bf16" else None
    state["moments"] = lambda: {
        f"{kind}.{name}": optimizer.state[parameter][kind] for kind in ("exp_avg", "exp_avg_sq") for name, parameter in network.named_parameters()
        if parameter in optimizer.state
    }  # fmt: skip

    def step(index):
        batch = {name: value.to(device) for name, value in data[index % len(data)].items()}
        return train_step(called, optimizer, batch, max_grad_norm, autocast)

    return step


def rows_of_worker(batch, worker):
    if worker is None:
        return batch
    return {name: value.chunk(worker["count"])[worker["index"]] for name, value in batch.items()}


def data_parallel(network, rank, addresses):
    """DistributedDataParallel over gloo as it is fastest here: VisualBERT's head does not use the pooler, which static_graph finds out once."""
    import torch

    torch.distributed.init_process_group("gloo", init_method=f"tcp://{addresses[0]}", rank=rank, world_size=len(addresses))
    return torch.nn.parallel.DistributedDataParallel(network, static_graph=True, gradient_as_bucket_view=True)


def torch_forward(class_name, model, batches, precision, compiled, threads, device, **_):
    import contextlib

    import torch

    from training import for_model

    data = prepared(batches, threads)
    network = load_model(class_name, model, 0.0, device).eval()
    called = torch.compile(network) if compiled else network

    def step(index):
        batch = {name: value.to(device) for name, value in data[index % len(data)].items() if "labels" not in name}
        low = torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
        with torch.inference_mode(), low:
            logits = called(**for_model(batch)).logits
        return float(logits.float().cpu().numpy()[0, 0])

    return step


def onnx_forward(model, batches, threads, **_):
    import numpy as np
    import onnxruntime
    from batches import read_arrays

    data = read_arrays(batches)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = {wanted.name: np.int64 if "int64" in wanted.type else np.float32 for wanted in session.get_inputs()}

    def step(index):
        batch = data[index % len(data)]
        feeds = {name: batch[name].astype(dtype) for name, dtype in names.items()}
        return float(session.run(["logits"], feeds)[0][0, 0])

    return step


def openvino_forward(model, batches, precision, threads, **_):
    import numpy as np
    import openvino
    from batches import read_arrays

    data = read_arrays(batches)
    core = openvino.Core()
    network = core.read_model(model)
    names = {i.any_name: np.int64 if i.element_type == openvino.Type.i64 else np.float32 for i in network.inputs}
    network.reshape({name: list(data[0][name].shape) for name in names})
    hint = {"fp32": "f32", "bf16": "bf16"}[precision]
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(network, "CPU", settings)

    def step(index):
        batch = data[index % len(data)]
        feeds = {name: batch[name].astype(dtype) for name, dtype in names.items()}
        return float(compiled(feeds)[compiled.output("logits")][0, 0])

    return step


def run(count):
    """`ms` and `values` (losses, or the first logit) of the next `count` steps."""
    ms, values = [], []
    for _ in range(count):
        begin = time.perf_counter()
        values.append(state["step"](state["index"]))
        ms.append(1000 * (time.perf_counter() - begin))
        state["index"] += 1
    return {"ms": ms, "values": values}


def save_state(target):
    """Writes the moments, as saveState does."""
    import os

    import torch

    os.makedirs(target, exist_ok=True)
    moments = state["moments"]()
    begin = time.perf_counter()
    torch.save(moments, os.path.join(target, "optimizer.pt"))
    return {"ms": [1000 * (time.perf_counter() - begin)]}


def warm(threads):
    """Imports what loading needs, so that what follows is not charged for it."""
    import safetensors.torch  # noqa: F401
    import torch
    import transformers  # noqa: F401

    transformers.VisualBertForQuestionAnswering  # noqa: B018  transformers imports a class when it is first named
    torch.set_num_threads(threads)


def load(model, class_name, file, **_):
    """Makes the model and fills it: torch.load (or safetensors) + load_state_dict. `fillMs` is the time of the filling alone."""
    import safetensors.torch
    import torch
    import transformers

    begin = time.perf_counter()
    config = transformers.VisualBertConfig.from_pretrained(model)
    state["network"] = getattr(transformers, class_name)(config)
    path = f"{model}/{file}"
    made = time.perf_counter()
    values = torch.load(path, weights_only=True) if file.endswith(".bin") else safetensors.torch.load_file(path)
    state["network"].load_state_dict(values, strict=False)
    end = time.perf_counter()
    return {"ms": [1000 * (end - begin)], "fillMs": 1000 * (end - made)}


def save(model, class_name, format, target, **_):
    import torch

    load(model=model, class_name=class_name, file="pytorch_model.bin")
    begin = time.perf_counter()
    if format == "pytorch":
        torch.save(state["network"].state_dict(), f"{target}/pytorch_model.bin")
    else:
        state["network"].save_pretrained(target)
    return {"ms": [1000 * (time.perf_counter() - begin)]}


def convert(model, target, **_):
    """As people convert: tensors that share memory are written once, which save_file asks for."""
    import os

    import torch
    from safetensors.torch import save_file

    os.makedirs(target, exist_ok=True)
    begin = time.perf_counter()
    values, seen = {}, set()
    for name, value in torch.load(f"{model}/pytorch_model.bin", weights_only=True).items():
        if value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            values[name] = value.contiguous()
    save_file(values, f"{target}/model.safetensors", metadata={"format": "pt"})
    return {"ms": [1000 * (time.perf_counter() - begin)]}


if __name__ == "__main__":
    protocol.serve(
        {
            "start": start,
            "run": run,
            "warm": warm,
            "load": load,
            "save": save,
            "save-state": save_state,
            "convert": convert,
            "memory": lambda: {"peakBytes": protocol.peak_bytes()},
        }
    )
