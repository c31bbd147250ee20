"""Token documents for training: stretches of fairy tale, and conversations."""

import random
from typing import NamedTuple

from tokenizers import Tokenizer

from tasks import Mix, Task, conversation
from tokenizer import ASSISTANT_ID, BEGIN_ID, END_ID, SYSTEM_ID, USER_ID, encode

SYSTEM_MESSAGES = (
    "You are a helpful assistant.", "You are a storyteller.", "Answer briefly.", "You help with texts.",
    "You are a friendly chatbot.",
)  # fmt: skip


class Document(NamedTuple):
    ids: list[int]
    # For each id, whether the model is to predict it: all of a tale, the answers of a conversation.
    learned: list[bool]


def prompt_ids(user: list[int]) -> list[int]:
    """As the chat template writes one user message and asks for the answer."""
    return [BEGIN_ID, USER_ID, *user, END_ID, ASSISTANT_ID]


def tale_document(ids: list[int]) -> Document:
    return Document([BEGIN_ID, *ids, END_ID], [False, *[True] * len(ids), True])


def tale_documents(tokenizer: Tokenizer, tales: list[str], rng: random.Random, longest: int) -> list[Document]:
    """All tales once, cut between paragraphs into documents of up to `longest` tokens."""
    encoded = encode(tokenizer, [f"{tale}\n\n" for tale in tales])
    documents, ids = [], []
    limit = rng.randint(longest // 2, longest)
    for paragraph in encoded:
        if ids and len(ids) + len(paragraph) > limit:
            documents.append(tale_document(ids[:-1]))  # without the second of two line breaks
            ids, limit = [], rng.randint(longest // 2, longest)
        ids += paragraph
    return [*documents, tale_document(ids[:-1])]


def conversation_documents(tokenizer: Tokenizer, talks: list[list[Task]], rng: random.Random) -> list[Document]:
    turns = [turn for talk in talks for turn in talk]
    users = iter(encode(tokenizer, [turn.user for turn in turns]))
    answers = iter(encode(tokenizer, [turn.assistant for turn in turns]))
    systems = encode(tokenizer, list(SYSTEM_MESSAGES))
    documents = []
    for talk in talks:
        ids = [BEGIN_ID]
        if rng.random() < 0.1:
            ids += [SYSTEM_ID, *rng.choice(systems), END_ID]
        learned = [False] * len(ids)
        for _ in talk:
            asked = [USER_ID, *next(users), END_ID, ASSISTANT_ID]
            answer = [*next(answers), END_ID]
            ids += asked + answer
            learned += [False] * len(asked) + [True] * len(answer)
        documents.append(Document(ids, learned))
    return documents


def mixture(tokenizer: Tokenizer, tales: list[str], seed: int, mix: Mix, longest: int) -> list[Document]:
    """Tales and conversations, shuffled; documents of up to `longest` tokens."""
    rng = random.Random(seed)
    talks = [conversation(rng, tales, mix.longest_words, mix.shares) for _ in range(mix.num_talks)]
    read = tale_documents(tokenizer, tales, rng, longest)
    if mix.tales < 1:
        read = rng.sample(read, round(mix.tales * len(read)))
    documents = read + conversation_documents(tokenizer, talks, rng)
    documents = [d for d in documents if len(d.ids) <= longest]
    rng.shuffle(documents)
    return documents
