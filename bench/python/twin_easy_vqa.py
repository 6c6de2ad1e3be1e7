"""Trains transformers' VisualBertForQuestionAnswering on easy-VQA as prepared by our side, with its own initial weights and order.

`python twin_easy_vqa.py '{"data": folder, "seed": 0, "epochs": 2, ...}'` prints one JSON line an epoch:
seconds of an update (the median) and of the evaluation, accuracy in percent. `max_steps` ends every epoch early.
The folder holds config.json and train.safetensors, test.safetensors: `features [images, 64, width]`, `image [n]`,
`inputIds [n, t]`, `attentionMask [n, t]`, `label [n]`.
"""

import json
import math
import statistics
import sys
import time

import torch
import transformers
from safetensors.torch import load_file
from training import adamw


def main(data, seed, epochs, max_steps, batch, learning_rate, weight_decay, max_grad_norm, warmup_ratio, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    config = transformers.VisualBertConfig.from_json_file(f"{data}/config.json")
    network = transformers.VisualBertForQuestionAnswering(config)
    train, test = (load_file(f"{data}/{split}.safetensors") for split in ("train", "test"))
    examples = len(train["label"])
    total = (examples + batch - 1) // batch * epochs
    optimizer = adamw(network, learning_rate, weight_decay)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, math.ceil(warmup_ratio * total), total)
    for epoch in range(1, epochs + 1):
        times = []
        network.train()
        for rows in torch.randperm(examples).split(batch)[:max_steps]:
            begin = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            labels = torch.nn.functional.one_hot(train["label"][rows].long(), config.num_labels).float()
            loss = network(**select(train, rows), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), max_grad_norm)
            optimizer.step()
            schedule.step()
            loss.item()
            times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        reached = 100 * accuracy(network, test)
        report = dict(epoch=epoch, step=statistics.median(times), evaluation=time.perf_counter() - begin, accuracy=reached)
        print(json.dumps(report), flush=True)


def select(split, rows):
    regions = split["features"][split["image"][rows].long()]
    return dict(
        input_ids=split["inputIds"][rows].long(),
        attention_mask=split["attentionMask"][rows].long(),
        token_type_ids=torch.zeros_like(split["inputIds"][rows]).long(),
        visual_embeds=regions,
        visual_attention_mask=torch.ones(regions.shape[:2], dtype=torch.long),
        visual_token_type_ids=torch.zeros(regions.shape[:2], dtype=torch.long),
    )


def accuracy(network, split):
    network.eval()
    right = 0
    with torch.inference_mode():
        for rows in torch.arange(len(split["label"])).split(256):
            right += (network(**select(split, rows)).logits.argmax(-1) == split["label"][rows]).sum().item()
    return right / len(split["label"])


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
