"""Writes tales-target/model.safetensors from the f16 GGUF file: the same weights under Hugging Face's names.

python write_safetensors.py [FOLDER]
"""

import shutil
import sys
from pathlib import Path

from model_files import read_gguf, write_hugging_face_weights

MODELS = Path(__file__).parent.parent

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS / "tales-target"
    if folder != MODELS / "tales-target":
        shutil.copytree(MODELS / "tales-target", folder, dirs_exist_ok=True)
    _, weights = read_gguf(MODELS / "tales-target-f16.gguf")
    write_hugging_face_weights(folder, weights)
    print(folder / "model.safetensors")
