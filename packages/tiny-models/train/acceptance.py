"""How often each drafter guesses what the target writes, by workload: the table of the model card.

Measured along the target's own answers. A drafter's guess depends on accepted tokens alone, which are the target's, so
one pass over an answer tells every guess that a speculative run could make.
"""

import random
from typing import NamedTuple

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from documents import prompt_ids
from drafts import head_state
from generation import generate_all
from llama import Shape, Weights, hidden
from tasks import MAKERS, Task
from tokenizer import encode

NUM_PROMPTS, LONGEST_ANSWER, DEPTH, LONGEST_WORDS = 60, 200, 4, 80

# The kinds of task that take turns in each.
WORKLOADS = {
    "story": ("tell", "continue"),
    "chat": ("question",),
    "edit": ("rename", "spelling", "code"),
    "extract": ("extract",),
}


class Answer(NamedTuple):
    ids: list[int]  # prompt and answer
    start: int  # where the answer begins


def held_out_tasks(workload: str, tales: list[str], count: int) -> list[Task]:
    kinds, rng = WORKLOADS[workload], random.Random(f"table {workload}")
    return [MAKERS[kinds[i % len(kinds)]](rng, tales, LONGEST_WORDS) for i in range(count)]


def answers(
    workload: str, temperature: float, shape: Shape, target: Weights, tokenizer: Tokenizer, tales: list[str]
) -> list[Answer]:
    tasks = held_out_tasks(workload, tales, NUM_PROMPTS)
    prompts = [prompt_ids(ids) for ids in encode(tokenizer, [t.user for t in tasks])]
    made = generate_all(shape, target, prompts, LONGEST_ANSWER, temperature, 11)
    return [Answer(p + a, len(p)) for p, a in zip(prompts, made, strict=True)]


def agreement(scores: Tensor, target_scores: Tensor, answer: Answer, temperature: float, rng: torch.Generator):
    """Whether the drafter's token equals the target's at each answer position, and the common mass.

    scores [rows, vocab] predict the ids behind them. With a temperature both draw by argmax(logit / T + noise), with
    the same noise (the engine's shared-noise rule); the target's ids stay those of the answer.
    """
    p, q = (s[answer.start - 1 : -1] for s in (target_scores, scores))
    if temperature == 0:
        wanted = torch.tensor(answer.ids[answer.start :])
        return (q.argmax(-1) == wanted).tolist(), [0.0] * len(wanted)
    noise = -torch.empty_like(p).exponential_(generator=rng).log()
    same = (p / temperature + noise).argmax(-1) == (q / temperature + noise).argmax(-1)
    mass = torch.minimum((p / temperature).softmax(-1), (q / temperature).softmax(-1)).sum(-1)
    return same.tolist(), mass.tolist()


class Measured(NamedTuple):
    agreement: float  # share of positions whose first guess is right
    mass: float
    coverage: float  # share of positions with a guess at all
    tokens_per_step: float  # accepted and the target's own, at the depth below


def walk(hits: list[list[bool]]) -> tuple[int, int]:
    """(tokens, steps) of a speculative run. hits[t][i]: whether the guess for position t + i, made when everything
    before t is known, is right.
    """
    at = steps = 0
    while at < len(hits):
        accepted = next((i for i, hit in enumerate(hits[at]) if not hit), len(hits[at]))
        at += accepted + 1
        steps += 1
    return len(hits), steps


def summary(hits: list[list[list[bool]]], mass: list[float]) -> Measured:
    first = [h[0] for one in hits for h in one if h]
    positions = sum(map(len, hits))
    tokens, steps = map(sum, zip(*map(walk, hits), strict=True))
    return Measured(
        agreement=sum(first) / max(1, len(first)),
        mass=sum(mass) / max(1, len(mass)),
        coverage=len(first) / positions,
        tokens_per_step=tokens / steps,
    )


def chain(same: list[bool]) -> list[list[bool]]:
    return [same[t : t + DEPTH] for t in range(len(same))]


def lookup(tokens: list[int], depth: int, longest: int = 4) -> list[int]:
    """Prompt lookup as packages/scheduler does it: longest suffix first, earliest occurrence wins."""
    best, best_start = 0, 0
    for end in range(1, len(tokens)):
        length = 0
        while length < min(longest, end) and tokens[end - 1 - length] == tokens[-1 - length]:
            length += 1
        if length > best:
            best, best_start = length, end
        if best == longest:
            break
    return tokens[best_start : best_start + depth] if best else []


@torch.inference_mode()
def measure(shape: Shape, target: Weights, drafts: dict[str, tuple[Shape, Weights]], heads: Weights,
            made: list[Answer], temperature: float) -> dict[str, Measured]:  # fmt: skip
    rng = torch.Generator().manual_seed(13)
    hits: dict[str, list] = {name: [] for name in [*drafts, "heads", "lookup"]}
    mass: dict[str, list] = {name: [] for name in hits}
    for answer in made:
        tokens = torch.tensor([answer.ids])
        positions = torch.arange(tokens.shape[1])
        h = hidden(shape, target, tokens, positions)[0]
        wanted = F.linear(h, target["token_embd.weight"])
        for name, (draft_shape, weights) in drafts.items():
            scores = F.linear(hidden(draft_shape, weights, tokens, positions)[0], weights["token_embd.weight"])
            same, common = agreement(scores, wanted, answer, temperature, rng)
            hits[name].append(chain(same))
            mass[name] += common
        ahead = []
        for i in range(len(heads)):
            # Head i guesses the id i + 2 behind the state it reads.
            scores = F.linear(head_state(heads, i, h), target["token_embd.weight"]).roll(i + 1, dims=0)
            same, common = agreement(scores, wanted, answer, temperature, rng)
            ahead.append(same)
            mass["heads"] += common if i == 0 else []
        hits["heads"].append([[s[t + i] for i, s in enumerate(ahead) if t + i < len(s)] for t in range(len(ahead[0]))])
        probability = (wanted / temperature).softmax(-1) if temperature else None
        found = []
        for t in range(answer.start, len(answer.ids)):
            guess = lookup(answer.ids[:t], DEPTH)
            found.append([g == w for g, w in zip(guess, answer.ids[t:], strict=False)])
            if guess and probability is not None:
                mass["lookup"].append(probability[t - 1, guess[0]].item())
        hits["lookup"].append(found)
    return {name: summary(hits[name], mass[name]) for name in hits}


def table(target: tuple[Shape, Weights], drafts: dict[str, tuple[Shape, Weights]], heads: Weights,
          tokenizer: Tokenizer, tales: list[str]) -> list[dict]:  # fmt: skip
    rows = []
    for workload in WORKLOADS:
        greedy = answers(workload, 0, *target, tokenizer, tales)
        sampled = answers(workload, 1, *target, tokenizer, tales)
        at_zero = measure(*target, drafts, heads, greedy, 0)
        at_one = measure(*target, drafts, heads, sampled, 1)
        for name, zero in at_zero.items():
            one = at_one[name]
            rows.append({
                "workload": workload, "drafter": name,
                "greedy_agreement": round(zero.agreement, 3), "coverage": round(zero.coverage, 3),
                "acceptance_t1": round(one.agreement, 3), "common_mass_t1": round(one.mass, 3),
                "tokens_per_step_depth4": round(zero.tokens_per_step, 3),
            })  # fmt: skip
            print(rows[-1], flush=True)
    return rows
