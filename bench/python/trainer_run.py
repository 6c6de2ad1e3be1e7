"""transformers' Trainer as a whole run with checkpoints: prints a JSON line after each update, so that the caller can time the rest.

`python trainer_run.py '{"model": folder, "questions": file, ..., "steps": 6, "save_every": 2, "stop_after": null, "resume": false}'`
"""

import json
import sys

import torch
import transformers
from trainer_epoch import Collator, Questions


class Steps(transformers.TrainerCallback):
    """Prints each update; ends the run after `stop_after` of them."""

    def __init__(self, stop_after):
        self.stop_after, self.done = stop_after, 0

    def on_step_end(self, args, state, control, **_):
        print(json.dumps({"step": state.global_step}), flush=True)
        self.done += 1
        control.should_training_stop = control.should_training_stop or self.done == self.stop_after
        return control


def main(model, questions, features, vocabulary, answers, steps, save_every, stop_after, resume, batch, threads, out):
    torch.set_num_threads(threads)
    tokenizer = transformers.BertTokenizerFast(vocabulary, do_lower_case=True)
    network = transformers.VisualBertForQuestionAnswering.from_pretrained(model, num_labels=answers)
    trainer = transformers.Trainer(
        model=network,
        args=transformers.TrainingArguments(
            out, per_device_train_batch_size=batch, max_steps=steps, learning_rate=2e-5, weight_decay=0.01, warmup_steps=1, use_cpu=True,
            report_to=[], save_strategy="steps", save_steps=save_every, logging_strategy="no", disable_tqdm=True,
        ),
        train_dataset=Questions(questions, features, tokenizer, answers),
        data_collator=Collator(tokenizer),
        callbacks=[Steps(stop_after)],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=resume)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
