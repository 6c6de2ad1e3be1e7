"""A server as people write one for transformers' VisualBERT: FastAPI, and a queue that batches requests while the model runs.

`python serve_vqa.py FOLDER FEATURES PORT THREADS BATCH`: FOLDER has the checkpoint and vocab.txt, FEATURES is a safetensors file of regions by image id.
"""

import asyncio
import sys
from contextlib import asynccontextmanager

import torch
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from safetensors.torch import load_file
from tokenizers import BertWordPieceTokenizer
from transformers import VisualBertForQuestionAnswering

folder, features, port, threads, BATCH = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
torch.set_num_threads(threads)
model = VisualBertForQuestionAnswering.from_pretrained(folder).eval()
tokenizer = BertWordPieceTokenizer(f"{folder}/vocab.txt", lowercase=True)
regions_of = load_file(features)
labels = model.config.id2label
WAITING = 256
queue: asyncio.Queue = asyncio.Queue(WAITING)


class Regions(BaseModel):
    image: str = Field(max_length=256)


class Question(BaseModel):
    question: str = Field(min_length=1, max_length=2000)
    regions: Regions
    topK: int = Field(default=5, ge=1, le=100)


def forward(jobs):
    """The best answers of each question; texts are padded to the longest."""
    texts = [tokenizer.encode(f"{one.question.lower().replace('?', '').strip()} ? [MASK]").ids for one, _ in jobs]
    longest = max(map(len, texts))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    visual = torch.stack([regions_of[one.regions.image] for one, _ in jobs])
    shape = visual.shape[:2]
    with torch.inference_mode():
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            token_type_ids=torch.zeros_like(ids),
            visual_embeds=visual,
            visual_attention_mask=torch.ones(shape, dtype=torch.long),
            visual_token_type_ids=torch.zeros(shape, dtype=torch.long),
        ).logits
        scores = logits.softmax(-1)
    answers = []
    for row, (one, _) in zip(scores, jobs):
        best = row.topk(one.topK)
        found = zip(best.indices.tolist(), best.values.tolist())
        answers.append([{"answer": labels[index], "index": index, "score": score} for index, score in found])
    return answers


async def work():
    """Takes what waits, up to a batch, in the order of arrival."""
    while True:
        jobs = [await queue.get()]
        while len(jobs) < BATCH and not queue.empty():
            jobs.append(queue.get_nowait())
        try:
            for (_, future), answers in zip(jobs, await asyncio.to_thread(forward, jobs)):
                future.set_result(answers)
        except Exception as error:
            for _, future in jobs:
                future.set_exception(error)


@asynccontextmanager
async def lifespan(_):
    task = asyncio.create_task(work())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def ready():
    return {"status": "ok"}


@app.post("/v1/answer")
async def answer(question: Question):
    if question.regions.image not in regions_of:
        raise HTTPException(404, "no such image")
    future = asyncio.get_running_loop().create_future()
    try:
        queue.put_nowait((question, future))
    except asyncio.QueueFull:
        raise HTTPException(503, "busy", {"Retry-After": "1"}) from None
    return {"answers": await future}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
