"""Drafts and Medusa heads, distilled from the frozen target along tales and its own writing."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from documents import Document, conversation_documents, tale_documents
from family import NUM_MEDUSA_HEADS, TARGET, WIDE
from generation import generate_all
from llama import Shape, Weights, hidden, init, logits
from tasks import conversation
from tokenizer import ASSISTANT_ID
from training import Batch

NUM_TALKS, NUM_TALES, LONGEST_ANSWER = 8000, 2000, 256


def outputs(tokenizer: Tokenizer, tales: list[str], target: Weights, file: Path) -> list[Document]:
    """What the target answers: conversations whose last answer is its own, and tales that it continues."""
    if file.exists():
        return torch.load(file, weights_only=False)
    rng = random.Random(3)
    prompts = []
    for document in conversation_documents(tokenizer, [conversation(rng, tales, 80) for _ in range(NUM_TALKS)], rng):
        last = len(document.ids) - document.ids[::-1].index(ASSISTANT_ID)
        if last <= 360:
            prompts.append(document.ids[:last])
    for document in rng.sample(tale_documents(tokenizer, tales, rng, 128), NUM_TALES):
        prompts.append(document.ids[: rng.randint(8, 48)])
    rng.shuffle(prompts)
    made = []
    # Most at temperature 1, where the draft has to match the whole distribution; some greedy.
    for temperature, part in ((1.0, prompts[len(prompts) // 4 :]), (0.0, prompts[: len(prompts) // 4])):
        answers = generate_all(TARGET, target, part, LONGEST_ANSWER, temperature, 5)
        for ids, answer in zip(part, answers, strict=True):
            made.append(Document(ids + answer, [False] * len(ids) + [True] * len(answer)))
        print(f"target's own answers at temperature {temperature}: {len(made)} of {len(prompts)}", flush=True)
    torch.save(made, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)
    return made


def divergence(target_scores: Tensor, draft_scores: Tensor, weight: Tensor) -> Tensor:
    """Mean over the weighted positions of KL(target || draft)."""
    p, q = target_scores.float().log_softmax(-1), draft_scores.float().log_softmax(-1)
    return (((p.exp() * (p - q)).sum(-1)) * weight).sum() / weight.sum()


def side_by_side(models: dict[str, Weights]) -> Weights:
    """Several models as one to train, so that what the target says is computed once for all."""
    return {f"{name}/{key}": w for name, weights in models.items() for key, w in weights.items()}


def one_of(weights: Weights, name: str) -> Weights:
    return {key.removeprefix(f"{name}/"): w for key, w in weights.items() if key.startswith(f"{name}/")}


def keep_layers(target: Weights, layers: tuple[int, ...]) -> Weights:
    """A model of these layers of the target, and of its embedding and norm."""
    kept = {key: w.clone() for key, w in target.items() if not key.startswith("blk.")}
    for new, old in enumerate(layers):
        prefix = f"blk.{old}."
        kept |= {
            f"blk.{new}.{key.removeprefix(prefix)}": w.clone() for key, w in target.items() if key.startswith(prefix)
        }
    return kept


@torch.no_grad()
def init_wide(target: Weights, batch: Batch) -> Weights:
    """The two layers of the target that come nearest to it by themselves: the paper's are pruned as well."""
    tokens = batch.tokens[:, :-1]
    wanted = logits(TARGET, target, tokens)
    pairs = {
        pair: divergence(wanted, logits(WIDE, keep_layers(target, pair), tokens), batch.weight).item()
        for pair in itertools.combinations(range(TARGET.layers), WIDE.layers)
    }
    best = min(pairs, key=pairs.get)
    print(f"wide: layers {best} of the target, {pairs[best]:.3f} from it", flush=True)
    return keep_layers(target, best)


def init_narrow(target: Weights, shape: Shape) -> Weights:
    """Random layers around what the target's embedding looks like in so few dimensions: its principal ones."""
    embedding = target["token_embd.weight"].detach()
    directions = torch.linalg.svd(embedding, full_matrices=False).Vh[: shape.dim]
    return init(shape, 2) | {"token_embd.weight": embedding @ directions.T}


def draft_losses(target: Weights, shapes: dict[str, Shape]) -> Callable[[Weights, Batch], dict[str, Tensor]]:
    def losses(weights: Weights, batch: Batch) -> dict[str, Tensor]:
        tokens = batch.tokens[:, :-1]
        with torch.no_grad():
            wanted = logits(TARGET, target, tokens)
        return {
            name: divergence(wanted, logits(shape, one_of(weights, name), tokens), batch.weight)
            for name, shape in shapes.items()
        }

    return losses


def init_heads() -> Weights:
    """Zero: each head begins as the target's own output."""
    return {f"medusa.{i}.weight": torch.zeros(TARGET.dim, TARGET.dim) for i in range(NUM_MEDUSA_HEADS)}


def head_state(weights: Weights, i: int, h: Tensor) -> Tensor:
    """Medusa's residual block: h + SiLU(W h), [.., dim]. The target's output matrix turns it into logits."""
    return h + F.silu(F.linear(h, weights[f"medusa.{i}.weight"]))


def head_losses(target: Weights) -> Callable[[Weights, Batch], dict[str, Tensor]]:
    """Head i at position t against the target at position t + 1 + i."""

    def losses(weights: Weights, batch: Batch) -> dict[str, Tensor]:
        tokens = batch.tokens[:, :-1]
        with torch.no_grad():
            h = hidden(TARGET, target, tokens, torch.arange(tokens.shape[1]))
            wanted = F.linear(h, target["token_embd.weight"])
        made = {}
        for i in range(NUM_MEDUSA_HEADS):
            ahead = i + 1
            scores = F.linear(head_state(weights, i, h[:, :-ahead]), target["token_embd.weight"])
            made[f"head {i}"] = divergence(wanted[:, ahead:], scores, batch.weight[:, ahead:])
        return made

    return losses
