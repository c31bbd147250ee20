"""What transformers makes of the Hugging Face folder, for packages/tiny-models' cross-check.

stdin: {"tokens": [[id, ..], ..], "texts": ["..", ..], "chats": ["..", ..]}
stdout: {"logits": [[[..vocab], ..rows], ..], "ids": [[..], ..], "chatIds": [[..], ..]}
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from model_files import read_gguf, write_hugging_face_weights

MODELS = Path(__file__).parent.parent

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(MODELS / "tales-target", folder, dirs_exist_ok=True)
        write_hugging_face_weights(Path(folder), read_gguf(MODELS / "tales-target-f16.gguf")[1])
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        with torch.inference_mode():
            logits = [model(torch.tensor([ids])).logits[0].tolist() for ids in asked["tokens"]]
        chats = [[{"role": "user", "content": text}] for text in asked["chats"]]
        json.dump(
            {
                "logits": logits,
                "ids": [tokenizer(text)["input_ids"] for text in asked["texts"]],
                "chatIds": [
                    tokenizer(
                        tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True),
                        add_special_tokens=False,
                    )["input_ids"]
                    for chat in chats
                ],
            },
            sys.stdout,
        )
