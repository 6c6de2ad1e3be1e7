"""transformers' Trainer on VQA questions with features read from disk: seconds of each step.

`python trainer_epoch.py '{"model": folder, "questions": file, "features": folder, "vocabulary": file, ...}'` prints one JSON line.
"""

import json
import sys
import time

import numpy as np
import torch
import transformers


class Questions(torch.utils.data.Dataset):
    """Questions with soft scores; features are read when an example is asked for."""

    def __init__(self, path, features, tokenizer, answers):
        with open(path) as file:
            self.records = json.load(file)
        self.features, self.tokenizer, self.answers = features, tokenizer, answers

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        record = self.records[index]
        text = self.tokenizer(record["text"], add_special_tokens=True)
        regions = torch.from_numpy(np.load(f"{self.features}/{record['image']}.npy"))
        labels = torch.zeros(self.answers)
        for answer, score in record["scores"]:
            labels[answer] = score
        ones = torch.ones(len(regions), dtype=torch.long)
        return dict(text, visual_embeds=regions, visual_attention_mask=ones, visual_token_type_ids=0 * ones, labels=labels)


class Collator:
    """DataCollatorWithPadding for the text; arrays of equal shape are stacked."""

    def __init__(self, tokenizer):
        self.pad = transformers.DataCollatorWithPadding(tokenizer)
        self.text = ("input_ids", "token_type_ids", "attention_mask")

    def __call__(self, examples):
        batch = self.pad([{name: example[name] for name in self.text} for example in examples])
        for name in examples[0].keys() - set(self.text):
            batch[name] = torch.stack([example[name] for example in examples])
        return batch


class Clock(transformers.TrainerCallback):
    """When each step began and ended, waiting for its batch included."""

    def __init__(self):
        self.ends = [time.perf_counter()]

    def on_step_end(self, *_, **__):
        self.ends.append(time.perf_counter())


def main(model, questions, features, vocabulary, answers, steps, batch, precision, threads, device, out):
    torch.set_num_threads(threads)
    tokenizer = transformers.BertTokenizerFast(vocabulary, do_lower_case=True)
    network = transformers.VisualBertForQuestionAnswering.from_pretrained(model, num_labels=answers)
    clock = Clock()
    trainer = transformers.Trainer(
        model=network,
        args=transformers.TrainingArguments(
            out, per_device_train_batch_size=batch, max_steps=steps, learning_rate=2e-5, weight_decay=0.01, warmup_steps=1,
            bf16=precision == "bf16", use_cpu=device == "cpu", report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
        ),
        train_dataset=Questions(questions, features, tokenizer, answers),
        data_collator=Collator(tokenizer),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    print(json.dumps({"seconds": np.diff(clock.ends).tolist()}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
