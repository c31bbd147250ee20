"""Batched generation with a KV cache: all sequences at one position, each on its prompt until that ends."""

import torch
import torch.nn.functional as F
from torch import Tensor

from llama import Shape, Weights, hidden
from tokenizer import END_ID


@torch.inference_mode()
def generate(
    shape: Shape, weights: Weights, prompts: list[list[int]], longest: int, temperature: float, seed: int
) -> list[list[int]]:
    """The answers alone, END included where one came before `longest` tokens in all. Temperature 0 is greedy."""
    batch, first = len(prompts), min(map(len, prompts))
    rng = torch.Generator().manual_seed(seed)
    keys, values = (torch.zeros(shape.layers, batch, shape.kv_heads, longest, shape.head_dim) for _ in range(2))
    tokens = torch.full((batch, longest), END_ID)
    lengths = torch.tensor([len(p) for p in prompts])
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = torch.tensor(prompt)
    done = torch.zeros(batch, dtype=torch.bool)

    def run(start: int, end: int) -> Tensor:
        """The logits behind position end - 1, [batch, vocab]."""

        def cache(layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            keys[layer, :, :, start:end], values[layer, :, :, start:end] = k, v
            return keys[layer, :, :, :end], values[layer, :, :, :end]

        # The first rows see each other causally; later there is one row, which sees all.
        h = hidden(shape, weights, tokens[:, start:end], torch.arange(start, end), cache, causal=start == 0)
        return F.linear(h[:, -1], weights["token_embd.weight"])

    start = 0
    for end in range(first, longest):
        scores = run(start, end)
        start = end
        if temperature > 0:
            noise = -torch.empty_like(scores).exponential_(generator=rng).log()
            scores = scores / temperature + noise
        chosen = scores.argmax(dim=-1)
        answering = (lengths <= end) & ~done
        tokens[answering, end] = chosen[answering]
        done |= answering & (chosen == END_ID)
        if done.all():
            break
    return [answer(row[n:].tolist()) for row, n in zip(tokens, lengths.tolist(), strict=True)]


def answer(ids: list[int]) -> list[int]:
    return ids[: ids.index(END_ID) + 1] if END_ID in ids else ids


def generate_all(
    shape: Shape, weights: Weights, prompts: list[list[int]], room: int, temperature: float, seed: int, batch: int = 128
) -> list[list[int]]:
    """Any number of prompts, those of like length together; answers of up to `room` tokens."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers: list[list[int]] = [[]] * len(prompts)
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        longest = min(shape.context, max(len(prompts[i]) for i in chosen) + room)
        made = generate(shape, weights, [prompts[i] for i in chosen], longest, temperature, seed + at)
        for i, ids in zip(chosen, made, strict=True):
            answers[i] = ids[:room]
    return answers
