"""What the models can do on text they have not seen: perplexity, and tasks solved word for word."""

import math
import random

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from documents import prompt_ids, tale_documents
from five_gram import FiveGram
from generation import generate_all
from llama import Shape, Weights, logits
from tasks import MAKERS
from tokenizer import END_ID, encode

NUM_PER_TASK, LONGEST_WORDS, CONTEXT = 200, 80, 512

HELD_OUT_TASKS = ("copy", "rename", "spelling", "code", "extract")


def tale_ids(tokenizer: Tokenizer, tales: list[str]) -> list[list[int]]:
    return [d.ids for d in tale_documents(tokenizer, tales, random.Random(7), CONTEXT)]


def score(nats: float, documents: list[list[int]], tokenizer: Tokenizer) -> dict[str, float]:
    """The end tokens count as predictions, but not as bytes."""
    num_tokens = sum(len(ids) - 1 for ids in documents)
    num_bytes = sum(len(tokenizer.decode(ids).encode()) for ids in documents)
    return {
        "perplexity": round(math.exp(nats / num_tokens), 2),
        "bits_per_byte": round(nats / math.log(2) / num_bytes, 4),
    }


@torch.inference_mode()
def perplexity(shape: Shape, weights: Weights, documents: list[list[int]], tokenizer: Tokenizer) -> dict[str, float]:
    nats = 0.0
    for ids in documents:
        tokens = torch.tensor([ids])
        nats += F.cross_entropy(logits(shape, weights, tokens[:, :-1])[0], tokens[0, 1:], reduction="sum").item()
    return score(nats, documents, tokenizer)


def five_gram_perplexity(
    train: list[list[int]], documents: list[list[int]], vocab: int, tokenizer: Tokenizer
) -> dict[str, float]:
    model = FiveGram(train, vocab)
    nats = 0.0
    for ids in documents:
        for end in range(1, len(ids)):
            nats -= math.log(model.probability(tuple(ids[max(0, end - 4) : end]), ids[end]))
    return score(nats, documents, tokenizer)


def exact_match(shape: Shape, weights: Weights, tokenizer: Tokenizer, tales: list[str]) -> dict[str, float]:
    """The share of held-out tasks whose greedy answer is the right one, token for token."""
    shares = {}
    for kind in HELD_OUT_TASKS:
        rng = random.Random(f"final {kind}")
        tasks = [MAKERS[kind](rng, tales, LONGEST_WORDS) for _ in range(NUM_PER_TASK)]
        prompts = [prompt_ids(ids) for ids in encode(tokenizer, [t.user for t in tasks])]
        wanted = [[*ids, END_ID] for ids in encode(tokenizer, [t.assistant for t in tasks])]
        answers = generate_all(shape, weights, prompts, max(map(len, wanted)), 0, 0)
        shares[kind] = sum(a == w for a, w in zip(answers, wanted, strict=True)) / NUM_PER_TASK
    return shares
