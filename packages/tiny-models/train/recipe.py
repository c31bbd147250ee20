"""Makes the whole family: tokenizer, target, drafts, Medusa heads, files, evaluation. Goes on where it was stopped.

python recipe.py [--text FOLDER] [--work FOLDER] [--models FOLDER]
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import drafts
from acceptance import WORKLOADS, held_out_tasks, table
from documents import Document, mixture, tale_documents
from evaluation import exact_match, five_gram_perplexity, perplexity, tale_ids
from fairy_tales import paragraphs
from family import (
    DRAFTS,
    MEDUSA_SCHEDULE,
    NARROW,
    NARROW_SCHEDULE,
    POLISH,
    TARGET,
    TARGET_MIXES,
    TARGET_SCHEDULE,
    WIDE_SCHEDULE,
    Schedule,
)
from llama import Shape, Weights, init, logits, num_parameters
from model_files import read_gguf, read_heads, write_gguf, write_heads, write_hugging_face_folder
from tokenizer import load_or_train
from training import Batch, pack, train

HERE = Path(__file__).parent
STAGES = ("target", *(f"polish-{i}" for i in range(len(POLISH))), "drafts", "wide", "heads")
NUM_BENCH_PROMPTS = 12  # of each workload


def next_token_loss(weights: Weights, batch: Batch) -> dict[str, Tensor]:
    scores = logits(TARGET, weights, batch.tokens[:, :-1])
    losses = F.cross_entropy(scores.flatten(0, 1).float(), batch.tokens[:, 1:].flatten(), reduction="none")
    return {"target": (losses * batch.weight.flatten()).sum() / batch.weight.sum()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--text", type=Path, default=HERE / "../../../../shared/text", help="the FairytaleQA stories")
    options.add_argument("--work", type=Path, default=HERE / "work", help="checkpoints and logs")
    options.add_argument("--models", type=Path, default=HERE.parent, help="where the files go")
    args = options.parse_args()
    args.work.mkdir(exist_ok=True)

    test = paragraphs(args.text, "test")
    unseen = set(test)
    tales = [p for p in paragraphs(args.text, "train") if p not in unseen]
    tokenizer = load_or_train(args.work / "tokenizer.json", tales)

    def documents(round: int, rows: int) -> list[Document]:
        return mixture(tokenizer, tales, 10 + round, TARGET_MIXES[rows], rows)

    target = train("target", args.work, init(TARGET, 1), TARGET_SCHEDULE, documents, next_token_loss)

    for i, polish in enumerate(POLISH):

        def polish_documents(round: int, rows: int, i=i, mix=polish.mix) -> list[Document]:
            return mixture(tokenizer, tales, 5000 * (i + 1) + round, mix, rows)

        before = {name: w.detach().clone() for name, w in target.items()}
        after = train(f"polish-{i}", args.work, target, polish.schedule, polish_documents, next_token_loss)
        target = {name: torch.lerp(w, before[name], polish.kept) for name, w in after.items()}

    own = drafts.outputs(tokenizer, tales, target, args.work / "outputs.pt")

    def own_documents(round: int, rows: int) -> list[Document]:
        return shuffled(own, round)

    def with_tales(round: int, rows: int) -> list[Document]:
        return shuffled(own + tale_documents(tokenizer, tales, random.Random(round), rows), round)

    def train_drafts(
        stage: str, schedule: Schedule, make: Callable[[int, int], list[Document]], begun: dict[str, Weights]
    ) -> dict[str, tuple[Shape, Weights]]:
        shapes = {name: DRAFTS[name] for name in begun}
        losses = drafts.draft_losses(target, shapes)
        trained = train(stage, args.work, drafts.side_by_side(begun), schedule, make, losses)
        return {name: (shape, drafts.one_of(trained, name)) for name, shape in shapes.items()}

    models = {"target": (TARGET, target)}
    # Who begins as layers of the target knows the tales; who has no more than its embedding has to learn from them.
    narrow = {name: drafts.init_narrow(target, shape) for name, shape in NARROW.items()}
    models |= train_drafts("drafts", NARROW_SCHEDULE, with_tales, narrow)
    wide = drafts.init_wide(target, next(pack(iter(own_documents(0, 512)), 16, 512)))
    models |= train_drafts("wide", WIDE_SCHEDULE, own_documents, {"wide": wide})
    heads = train("heads", args.work, drafts.init_heads(), MEDUSA_SCHEDULE, own_documents, drafts.head_losses(target))

    for name, (shape, weights) in models.items():
        for kind in ("f16", "q8_0"):
            file = args.models / f"tales-{name}-{kind}.gguf"
            write_gguf(file, f"Foretoken Tales {name}", shape, weights, tokenizer, kind)
    write_heads(args.models / "tales-heads.safetensors", heads)
    write_hugging_face_folder(args.models / "tales-target", TARGET, tokenizer)
    # For benches and tests, which have no Python: a few held-out tasks of each workload.
    prompts = {name: [task.user for task in held_out_tasks(name, test, NUM_BENCH_PROMPTS)] for name in WORKLOADS}
    (args.models / "prompts.json").write_text(json.dumps(prompts, indent=1) + "\n")
    evaluate(args.models, args.work, tokenizer, tales, test)


def shuffled(documents: list[Document], seed: int) -> list[Document]:
    order = torch.randperm(len(documents), generator=torch.Generator().manual_seed(seed))
    return [documents[i] for i in order.tolist()]


def training_of(log: Path) -> dict:
    """Steps, seconds, and the named losses as means over the last 200 steps."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    ends = [line["loss"] for line in lines[-10:]]
    losses = {part: round(sum(end[part] for end in ends) / len(ends), 4) for part in ends[0]}
    return {
        "steps": lines[-1]["step"],
        "seconds": lines[-1]["seconds"],
        "loss": losses,
    }


def evaluate(models: Path, work: Path, tokenizer, tales: list[str], test: list[str]) -> None:
    """Reads the files back, so that what is measured is what is published. Writes results.json."""
    held_out = tale_ids(tokenizer, test)
    results: dict = {
        "training": {stage: training_of(work / f"{stage}.jsonl") for stage in STAGES},
        "five_gram": five_gram_perplexity(tale_ids(tokenizer, tales), held_out, TARGET.vocab, tokenizer),
        "models": {},
    }
    print("5-gram", results["five_gram"], flush=True)
    loaded = {}
    for name in ("target", *DRAFTS):
        file = models / f"tales-{name}-f16.gguf"
        shape, weights = loaded[name] = read_gguf(file)
        results["models"][name] = {
            "shape": shape._asdict(), "parameters": num_parameters(weights),
            "bytes": {kind: (models / f"tales-{name}-{kind}.gguf").stat().st_size for kind in ("f16", "q8_0")},
            **perplexity(shape, weights, held_out, tokenizer),
            "exact_match": exact_match(shape, weights, tokenizer, test),
        }  # fmt: skip
        print(name, results["models"][name], flush=True)
    heads = read_heads(models / "tales-heads.safetensors")
    size = (models / "tales-heads.safetensors").stat().st_size
    results["heads"] = {"parameters": num_parameters(heads), "bytes": size}
    target = loaded.pop("target")
    results["acceptance"] = table(target, loaded, heads, tokenizer, test)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
