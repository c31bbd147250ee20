"""The training loop: packed rows, Muon for matrices and AdamW for the rest, a checkpoint that a run resumes from."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from documents import Document
from family import Schedule
from llama import Weights

CHECKPOINT_STEPS = 100
LOG_STEPS = 20


class Batch(NamedTuple):
    tokens: Tensor  # [sequences, rows + 1]
    weight: Tensor  # [sequences, rows]: 1 where the next token is to be learned


def pack(documents: Iterable[Document], sequences: int, rows: int) -> Iterator[Batch]:
    """Documents one behind the other, each row beginning with a document; what does not fit into a row is cut off."""
    tokens = torch.zeros(sequences, rows + 1, dtype=torch.long)
    weight = torch.zeros(sequences, rows)
    row, used = 0, 0
    for document in documents:
        ids = document.ids[: rows + 1 - used]
        tokens[row, used : used + len(ids)] = torch.tensor(ids)
        weight[row, used : used + len(ids) - 1] = torch.tensor(document.learned[1 : len(ids)], dtype=torch.float)
        used += len(ids)
        if used > rows:
            row, used = row + 1, 0
        if row == sequences:
            yield Batch(tokens, weight)
            tokens, weight, row = torch.zeros_like(tokens), torch.zeros_like(weight), 0


def endless(make: Callable[[int], list[Document]]) -> Iterator[Document]:
    """make(0), make(1), …: a fresh set of documents each time one is used up."""
    round = 0
    while True:
        yield from make(round)
        round += 1


def batches(make: Callable[[int, int], list[Document]], schedule: Schedule, first: int) -> Iterator[tuple[int, Batch]]:
    """(step, batch) from step `first` on. `make(round, rows)` gives documents for rows of that many tokens."""
    begin = 0
    for part, (steps, sequences, rows) in enumerate(schedule.parts):
        end = begin + steps
        if first < end:
            packed = pack(endless(lambda round, part=part, rows=rows: make(1000 * part + round, rows)), sequences, rows)
            for step in range(begin, end):
                batch = next(packed)
                if step >= first:
                    yield step, batch
        begin = end


def optimizers(weights: Weights, rate: float) -> list[torch.optim.Optimizer]:
    matrices = [w for name, w in weights.items() if w.ndim == 2 and not name.endswith("token_embd.weight")]
    others = [w for name, w in weights.items() if w.ndim != 2 or name.endswith("token_embd.weight")]
    made: list[torch.optim.Optimizer] = []
    if matrices:
        made.append(torch.optim.Muon(matrices, lr=rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"))
    if others:
        made.append(torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True))
    return made


def rate_at(progress: float) -> float:
    """A short warm-up, then a straight line to nothing; 1 at the top."""
    return min(1.0, progress / 0.03, (1 - progress) / 0.9)


def train(
    name: str,
    folder: Path,
    weights: Weights,
    schedule: Schedule,
    make: Callable[[int, int], list[Document]],
    losses_of: Callable[[Weights, Batch], dict[str, Tensor]],
) -> Weights:
    """Trains `weights` in place to the least sum of the named losses, on documents that `make(round, rows)` gives.

    Writes folder/NAME.pt now and then and goes on from it; logs to folder/NAME.jsonl.
    """
    total = sum(steps for steps, _, _ in schedule.parts)
    checkpoint = folder / f"{name}.pt"
    for w in weights.values():
        w.requires_grad_(True)
    made = optimizers(weights, schedule.learning_rate)
    first, spent = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        first, spent = saved["step"], saved["seconds"]
        with torch.no_grad():
            for key, w in weights.items():
                w.copy_(saved["weights"][key])
        for optimizer, state in zip(made, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
    compiled = torch.compile(losses_of, dynamic=False)
    begun, seen = time.monotonic() - spent, []
    for step, batch in batches(make, schedule, first):
        for optimizer in made:
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * rate_at(step / total)
        with torch.autocast("cpu", torch.bfloat16):
            losses = compiled(weights, batch)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        for optimizer in made:
            optimizer.step()
            optimizer.zero_grad()
        seen.append({part: loss.item() for part, loss in losses.items()})
        if not all(map(math.isfinite, seen[-1].values())):
            raise ArithmeticError(f"{name}: loss {seen[-1]} at step {step}")
        if (step + 1) % LOG_STEPS == 0 or step + 1 == total:
            seconds = time.monotonic() - begun
            means = {part: round(sum(one[part] for one in seen) / len(seen), 4) for part in seen[0]}
            seen = []
            with (folder / f"{name}.jsonl").open("a") as log:
                log.write(json.dumps({"step": step + 1, "loss": means, "seconds": round(seconds)}) + "\n")
            left = seconds / (step + 1) * (total - step - 1)
            print(f"{name}: step {step + 1} of {total}, {means}, {seconds:.0f} s, about {left:.0f} s left", flush=True)
        if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == total:
            states = [optimizer.state_dict() for optimizer in made]
            saved = {"step": step + 1, "weights": weights, "optimizers": states, "seconds": time.monotonic() - begun}
            torch.save(saved, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    return {key: w.detach() for key, w in weights.items()}
