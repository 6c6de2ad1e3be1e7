"""The Python side of start-up: a process that answers one question.

`python first_answer.py torch|onnxruntime MODEL VOCABULARY THREADS QUESTION`: MODEL is a checkpoint's folder, or the file of its export.
"""

import json
import sys
import time

began = time.perf_counter()
engine, model, vocabulary, threads, question = sys.argv[1:]
TEXT, REGIONS, WIDTH = 20, 36, 2048


def now():
    return 1000 * (time.perf_counter() - began)


import numpy as np  # noqa: E402
from tokenizers import BertWordPieceTokenizer  # noqa: E402

if engine == "torch":
    import torch
    from transformers import VisualBertForQuestionAnswering
else:
    import onnxruntime
moments = {"importedMs": now(), "engineMs": now()}

if engine == "torch":
    torch.set_num_threads(int(threads))
    network = VisualBertForQuestionAnswering.from_pretrained(model).eval()
else:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=True)
moments["loadedMs"] = now()

ids = tokenizer.encode(f"{question.lower().replace('?', '').strip()} ? [MASK]").ids
length = TEXT if engine == "onnxruntime" else len(ids)  # the export has one length
inputs = {
    "input_ids": np.array([ids + [0] * (length - len(ids))]),
    "attention_mask": np.array([[1] * len(ids) + [0] * (length - len(ids))]),
    "token_type_ids": np.zeros((1, length), np.int64),
    "visual_embeds": np.random.default_rng(0).random((1, REGIONS, WIDTH), np.float32),
    "visual_attention_mask": np.ones((1, REGIONS), np.int64),
    "visual_token_type_ids": np.zeros((1, REGIONS), np.int64),
}
if engine == "torch":
    with torch.inference_mode():
        logits = network(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits.numpy()
else:
    wanted = {one.name: np.int64 if "int64" in one.type else np.float32 for one in session.get_inputs()}
    logits = session.run(["logits"], {name: inputs[name].astype(dtype) for name, dtype in wanted.items()})[0]
moments["answer"] = int(logits.argmax())
moments["answeredMs"] = now()
moments["processorMs"] = 1000 * time.process_time()
print(json.dumps(moments))
