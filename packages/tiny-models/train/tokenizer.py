"""Byte-level BPE with GPT-2's pre-tokenizer: every engine that knows GGUF's "gpt-2" splits text the same way."""

import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from family import TARGET
from tasks import any_task

BEGIN, END, USER, ASSISTANT, SYSTEM = SPECIAL = ("<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
BEGIN_ID, END_ID, USER_ID, ASSISTANT_ID, SYSTEM_ID = range(len(SPECIAL))

# Special tokens stand right beside the text: no line breaks to spend tokens on.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ '<|system|>' }}"
    "{% elif message['role'] == 'user' %}{{ '<|user|>' }}"
    "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' }}"
    "{% else %}{{ raise_exception('Roles are system, user and assistant, not ' + message['role']) }}{% endif %}"
    "{{ message['content'] | trim }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train(tales: list[str]) -> Tokenizer:
    """From the tales and as much text of the tasks, names and code included."""
    rng = random.Random(1)
    tasks = [any_task(rng, tales, 60) for _ in range(6000)]
    texts = [
        *tales,
        *(t.user for t in tasks if t.kind in ("edit", "chat")),
        *(t.assistant for t in tasks if t.kind == "story"),
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=TARGET.vocab,
            special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, BEGIN_ID)]
    )
    return tokenizer


def load_or_train(file: Path, tales: list[str]) -> Tokenizer:
    if not file.exists():
        train(tales).save(str(file))
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.encode_special_tokens = True  # text that looks like a special token stays text
    return tokenizer


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """The texts alone: no special token before or behind them."""
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
