"""The FairytaleQA stories as clean paragraphs. The test split is read by the evaluation alone."""

import random
import re
from pathlib import Path


def paragraphs(folder: Path, split: str) -> list[str]:
    """One line each, in the order of the stories; passages that the file repeats stand once."""
    text = (folder / f"fairytaleqa_{split}.txt").read_text(encoding="utf-8")
    seen: set[str] = set()
    kept = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        # Lines of 60 to 80 characters are one paragraph that was wrapped; long lines are paragraphs of their own.
        parts = [" ".join(lines)] if max(map(len, lines)) < 90 else lines
        for part in map(tidy, parts):
            if part and part not in seen and not re.search(r"[<>|\[\]_*]", part):
                seen.add(part)
                kept.append(part)
    return kept


def tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


BETWEEN_SENTENCES = re.compile(
    r"""(?<=[.!?])(?<!Mr\.)(?<!MR\.)(?<!Mrs\.)(?<!MRS\.)(?<!St\.)\s+(?=[A-Z"'])|(?<=[.!?]["'])\s+(?=[A-Z"'])"""
)


def sentences(text: str) -> list[str]:
    """Cut behind the closing mark, and the quotation mark that may follow it."""
    return [s for s in BETWEEN_SENTENCES.split(text) if s]


def num_words(text: str) -> int:
    return len(text.split())


def passage(rng: random.Random, tales: list[str], least: int, most: int) -> str:
    """Sentences in a row from one place in the tales: `least` to `most` words."""
    while True:
        start = rng.randrange(len(tales))
        pool = [s for paragraph in tales[start : start + 4] for s in sentences(paragraph)]
        pool = pool[rng.randrange(min(3, len(pool))) :]
        limit = rng.randint(least, most)
        taken: list[str] = []
        for sentence in pool:
            if num_words(" ".join([*taken, sentence])) > limit:
                break
            taken.append(sentence)
        text = " ".join(taken)
        if least <= num_words(text) <= most:
            return text
