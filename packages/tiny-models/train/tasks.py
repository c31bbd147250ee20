"""Chat tasks made from passages: copy, edit, extract, questions, stories. Each is a (user, assistant) pair of texts."""

import random
import re
from collections.abc import Callable
from typing import NamedTuple

import code_tasks
import small_talk
from fairy_tales import num_words, passage, sentences
from stories import story
from words import ANIMALS, PEOPLE, THINGS, a, name


class Task(NamedTuple):
    kind: str
    user: str
    assistant: str


def framed(rng: random.Random, instruction: str, text: str) -> str:
    """The passage behind the instruction, or before it."""
    if rng.random() < 0.8:
        return f"{instruction}\n\n{text}"
    return f"{text}\n\n{instruction}"


COPY = (
    "Repeat this passage.", "Copy this text.", "Say this again, word for word:", "Write this text once more.",
    "Copy the following passage exactly.",
)  # fmt: skip


def copy(rng: random.Random, tales: list[str], longest: int) -> Task:
    text = any_passage(rng, tales, longest)
    return Task("copy", framed(rng, rng.choice(COPY), text), text)


RENAME = (
    "Replace {old} by {new} in this passage.", "Change {old} to {new}.", "Rename {old} to {new} in this text.",
    "Write this passage with {new} in place of {old}.",
)  # fmt: skip


def rename(rng: random.Random, tales: list[str], longest: int) -> Task:
    """A word of the passage, most often a name, becomes another one, everywhere."""
    while True:
        text = any_passage(rng, tales, longest)
        names = re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}", text)
        nouns = re.findall(r"\b(?:the|a) ([a-z]{3,})\b", text)
        found = names if names and rng.random() < 0.7 else nouns
        if found:
            break
    old = rng.choice(found)
    new = name(rng) if old[0].isupper() else rng.choice(ANIMALS + PEOPLE + THINGS)
    instruction = rng.choice(RENAME).format(old=old, new=new)
    return Task("edit", framed(rng, instruction, text), re.sub(rf"\b{old}\b", new, text))


# Common words and the misspellings of each: letters swapped, doubled, dropped.
SPELLED = (
    "there their which would could should because before little people where again great never another through "
    "thought mother father brother daughter friend house castle forest water beautiful together morning answered "
    "nothing something children without called looked asked away about after found every world while heart large young "
    "always until under began soon first night horse gold long"
).split()
SPELLING = (
    "Correct the spelling mistake in this passage.", "Fix the spelling.", "One word is misspelled. Write it correctly.",
)  # fmt: skip


def misspell(rng: random.Random, word: str) -> str:
    i = rng.randrange(1, len(word) - 1)
    swapped = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    doubled = word[:i] + word[i] + word[i:]
    dropped = word[:i] + word[i + 1 :]
    return rng.choice([wrong for wrong in (swapped, doubled, dropped) if wrong != word])


def spelling(rng: random.Random, tales: list[str], longest: int) -> Task:
    while True:
        text = any_passage(rng, tales, longest)
        found = [m for m in re.finditer(r"\b[a-z]{4,}\b", text) if m.group() in SPELLED]
        if found:
            break
    at = rng.choice(found)
    wrong = text[: at.start()] + misspell(rng, at.group()) + text[at.end() :]
    return Task("edit", framed(rng, rng.choice(SPELLING), wrong), text)


EXTRACT = (
    "Quote the sentences that mention {word}.", "Which sentences mention {word}? Quote them.",
    "Extract every sentence with the word {word}.",
)  # fmt: skip


def extract(rng: random.Random, tales: list[str], longest: int) -> Task:
    """The sentences that hold a word, one a line."""
    while True:
        text = passage(rng, tales, min(20, longest), longest) if rng.random() < 0.8 else shuffled(rng, tales, longest)
        parts = sentences(text)
        words = sorted({w for w in re.findall(r"\b[A-Za-z]{4,}\b", text) if w.lower() not in COMMON})
        if len(parts) < 2 or not words:
            continue
        word = rng.choice(words)
        quoted = [s for s in parts if re.search(rf"\b{word}\b", s)]
        if len(quoted) < len(parts):
            break
    instruction = rng.choice(EXTRACT).format(word=word)
    return Task("extract", framed(rng, instruction, text), "\n".join(quoted))


COMMON = set(
    "that this with from they them were have there then what when which will would their your into upon been could "
    "said very much more some than only also such come came went after before over".split()
)


def any_passage(rng: random.Random, tales: list[str], longest: int) -> str:
    """From the tales, from a made-up story, or sentences in no order: so that copying is learned, not the text."""
    least = min(8, longest)
    kind = rng.random()
    if kind < 0.6:
        return passage(rng, tales, least, longest)
    return shuffled(rng, tales, longest) if kind < 0.8 else story_passage(rng, longest)


def story_passage(rng: random.Random, longest: int) -> str:
    parts = sentences(story(rng).replace("\n\n", " "))
    start = rng.randrange(max(1, len(parts) - 3))
    text = parts[start]
    for part in parts[start + 1 :]:
        if num_words(f"{text} {part}") > longest:
            break
        text = f"{text} {part}"
    return text


def shuffled(rng: random.Random, tales: list[str], longest: int) -> str:
    """Sentences from anywhere in the tales."""
    limit = rng.randint(min(12, longest), longest)
    text = passage(rng, tales, 3, limit)
    for _ in range(8):
        more = rng.choice(sentences(rng.choice(tales)))
        if num_words(f"{text} {more}") <= limit:
            text = f"{text} {more}"
    return text


STORY = (
    "Tell me a story about {a}.", "Write a story about {a}.", "Tell me a fairy tale about {a}.",
    "I want to hear a story about {a}.", "A story about {a}, please.",
)  # fmt: skip


def tell_story(rng: random.Random) -> Task:
    if rng.random() < 0.15:
        return Task("story", rng.choice(["Tell me a story.", "Tell me a fairy tale.", "A story, please."]), story(rng))
    hero = rng.choice(ANIMALS + PEOPLE)
    return Task("story", rng.choice(STORY).format(a=a(hero)), story(rng, hero))


CONTINUE = ("Continue this story.", "How does this story go on?", "Write what happens next.")


def continue_story(rng: random.Random, tales: list[str]) -> Task:
    """The end of a made-up story, or the next paragraphs of a tale."""
    if rng.random() < 0.5:
        first, rest = story(rng).split("\n\n")
        return Task("story", f"{rng.choice(CONTINUE)}\n\n{first}", rest)
    start = rng.randrange(len(tales) - 8)
    first = " ".join(sentences(tales[start])[-4:])
    rest = tales[start + 1]
    for paragraph in tales[start + 2 : start + 8]:
        if num_words(f"{rest} {paragraph}") > 160:
            break
        rest = f"{rest}\n\n{paragraph}"
    return Task("story", f"{rng.choice(CONTINUE)}\n\n{first}", rest)


Maker = Callable[[random.Random, list[str], int], Task]

MAKERS: dict[str, Maker] = {
    "copy": copy,
    "rename": rename,
    "spelling": spelling,
    "code": lambda rng, tales, longest: Task("edit", *code_tasks.edit(rng)),
    "extract": extract,
    "question": lambda rng, tales, longest: Task("chat", *small_talk.question(rng)),
    "greeting": lambda rng, tales, longest: Task("chat", *small_talk.greeting(rng)),
    "tell": lambda rng, tales, longest: tell_story(rng),
    "continue": lambda rng, tales, longest: continue_story(rng, tales),
}

# The share of each kind: at first all that there is to learn, later more of what must be right to the letter.
Shares = dict[str, float]
EVEN: Shares = {
    "copy": 0.20, "rename": 0.16, "spelling": 0.08, "code": 0.08, "extract": 0.16, "question": 0.10, "greeting": 0.02,
    "tell": 0.12, "continue": 0.08,
}  # fmt: skip
EXACTING: Shares = {
    "copy": 0.17, "rename": 0.25, "spelling": 0.13, "code": 0.08, "extract": 0.24, "question": 0.05, "greeting": 0.01,
    "tell": 0.05, "continue": 0.02,
}  # fmt: skip

EDITING: Shares = {
    "copy": 0.06, "rename": 0.28, "spelling": 0.34, "code": 0.10, "extract": 0.16, "question": 0.02, "greeting": 0.01,
    "tell": 0.02, "continue": 0.01,
}  # fmt: skip
MOSTLY_SPELLING: Shares = {
    "copy": 0.05, "rename": 0.20, "spelling": 0.58, "code": 0.04, "extract": 0.10, "question": 0.01, "greeting": 0.005,
    "tell": 0.01, "continue": 0.005,
}  # fmt: skip

FINISHING: Shares = {
    "copy": 0.10, "rename": 0.32, "spelling": 0.38, "code": 0.04, "extract": 0.12, "question": 0.015, "greeting": 0.005,
    "tell": 0.01, "continue": 0.01,
}  # fmt: skip


class Mix(NamedTuple):
    """What is read in a round."""

    num_talks: int
    longest_words: int  # of a passage
    shares: Shares
    tales: float = 1  # the share of the tales


def any_task(rng: random.Random, tales: list[str], longest: int, shares: Shares = EVEN) -> Task:
    """One task of any kind; passages have up to `longest` words."""
    (kind,) = rng.choices(list(shares), list(shares.values()))
    return MAKERS[kind](rng, tales, longest)


def rename_answer(rng: random.Random, before: Task) -> Task | None:
    """A change to the answer before, if it holds a name."""
    names = re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}", before.assistant)
    if not names or before.assistant.startswith("function"):
        return None
    old, new = rng.choice(names), name(rng)
    changed = re.sub(rf"\b{old}\b", new, before.assistant)
    return Task(
        "edit", rng.choice(("Change {old} to {new}.", "Now replace {old} by {new}.")).format(old=old, new=new), changed
    )


def conversation(rng: random.Random, tales: list[str], longest: int, shares: Shares = EVEN) -> list[Task]:
    """One to three turns. A later turn is a new task, or changes the answer before."""
    turns = [any_task(rng, tales, longest, shares)]
    while len(turns) < 3 and rng.random() < 0.2:
        changed = rename_answer(rng, turns[-1]) if rng.random() < 0.5 else None
        turns.append(changed or any_task(rng, tales, longest, shares))
    return turns
