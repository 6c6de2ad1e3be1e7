"""PyTorch's side of the measurement of region detectors: the second implementation of test/fixtures/detectors at full size.

`python detector.py NAME CONFIG FOLDER` writes random weights and a picture; without arguments it is measured, see protocol.py.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import cv2
import torch
from torchvision.ops import nms, roi_align, roi_pool

import protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "fixtures"))
from detectors import boxes, network, pictures, stages, weight_files  # noqa: E402

cv2.ipp.setUseIPP(False)  # Intel's library rounds positions differently: pixels change by up to 0.007 of 255
BLOCKS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
SIZE = (640, 480)
propose = boxes.proposals_of
state = {}


def prepare(config):
    """The reference at the sizes of a configuration, with torchvision's operations in float32 throughout."""
    network.BLOCKS = BLOCKS[config["backbone"]["depth"]]
    pictures.SIZE = dict(size=config["input"]["size"], maxSize=config["input"]["maxSize"])
    boxes.nms = lambda corners, scores, threshold, plus: nms(corners + torch.tensor([0.0, 0, plus, plus]), scores.float(), threshold)
    stages.roi_pool = lambda maps, *rest: roi_pool(maps.float(), *rest)
    stages.roi_align = lambda maps, *rest, **options: roi_align(maps.float(), *rest, **options)
    wide = lambda values: [value.float() for value in values]
    boxes.proposals_of = lambda logits, deltas, *rest: propose(wide(logits), wide(deltas), *rest)


def detect(built, name, rgb, config):
    """Everything from pixels to the regions handed out."""
    pixels, scale = pictures.resized(name, rgb)
    return stages.run(built, name, [pixels], [scale], [(rgb.shape[1], rgb.shape[0])], config)


def make(name, config, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(config)
    prepare(config)
    built = network.Network(name)
    rgb = pictures.picture(*SIZE)
    with torch.no_grad():
        detect(built, name, rgb, config)
    torch.save(built.weights, folder / "network.pt")
    weight_files.write_weights(folder, name, built)
    cv2.imwrite(str(folder / "picture.png"), rgb[:, :, ::-1])


def start(name, config, folder, precision, threads):
    torch.set_num_threads(threads)
    prepare(config)
    built = network.Network(name)
    built.weights = torch.load(Path(folder) / "network.pt")
    state.update(network=built, name=name, config=config, picture=str(Path(folder) / "picture.png"), precision=precision)


def run(count):
    low = torch.autocast("cpu", dtype=torch.bfloat16) if state["precision"] == "bf16" else contextlib.nullcontext()
    ms = []
    before = time.process_time()
    for _ in range(count):
        begin = time.perf_counter()
        rgb = cv2.imread(state["picture"])[:, :, ::-1].copy()
        with torch.inference_mode(), low:
            found = detect(state["network"], state["name"], rgb, state["config"])
        ms.append(1000 * (time.perf_counter() - begin))
    cpu = 1000 * (time.process_time() - before) / count
    return {"ms": ms, "cpuMs": cpu, **{key: found[f"0/{stage}"].float().flatten().tolist() for key, stage in dict(boxes="boxes", features="kept").items()}}


def memory():
    return {"peakBytes": protocol.peak_bytes()}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(*sys.argv[1:])
    else:
        protocol.serve({"start": start, "run": run, "memory": memory})
