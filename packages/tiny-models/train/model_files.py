"""GGUF files, heads as safetensors, and the target as a Hugging Face folder."""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from llama import Shape, Weights
from tokenizer import BEGIN, BEGIN_ID, CHAT_TEMPLATE, END, END_ID, SPECIAL

NORMAL, CONTROL = 1, 3  # token types, as GGUF numbers them


def to_gguf_rows(w: Tensor, heads: int) -> Tensor:
    """Rows of q or k from pairs (i, i + head_dim / 2) to pairs (2 i, 2 i + 1), which GGUF wants of a llama."""
    rows, columns = w.shape
    return w.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def from_gguf_rows(w: Tensor, heads: int) -> Tensor:
    rows, columns = w.shape
    return w.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def reordered(shape: Shape, weights: Weights, reorder) -> Weights:
    heads = {"attn_q.weight": shape.heads, "attn_k.weight": shape.kv_heads}
    ends = {name: name.split(".", 2)[-1] for name in weights}
    return {name: reorder(w, heads[ends[name]]) if ends[name] in heads else w for name, w in weights.items()}


def write_gguf(file: Path, name: str, shape: Shape, weights: Weights, tokenizer: Tokenizer, kind: str) -> None:
    """`kind`: 'f16' or 'q8_0', for the matrices; norms stay f32."""
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name(name)
    writer.add_license("mit")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if kind == "f16" else gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocab)
    tokens = [tokenizer.id_to_token(i) for i in range(shape.vocab)]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(BEGIN_ID)
    writer.add_eos_token_id(END_ID)
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)
    quantised = gguf.GGMLQuantizationType.F16 if kind == "f16" else gguf.GGMLQuantizationType.Q8_0
    for key, w in reordered(shape, weights, to_gguf_rows).items():
        # Rounded to f16 first: both files come from the same published weights.
        values = w.half().float().numpy()
        stored = gguf.GGMLQuantizationType.F32 if w.ndim == 1 else quantised
        writer.add_tensor(key, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(file: Path) -> tuple[Shape, Weights]:
    """The shape and the weights as float32, in the order that `llama.py` uses."""
    reader = gguf.GGUFReader(file)

    def field(key: str):
        return reader.fields[f"llama.{key}"].contents()

    shape = Shape(
        layers=field("block_count"), dim=field("embedding_length"), heads=field("attention.head_count"),
        kv_heads=field("attention.head_count_kv"), ffn=field("feed_forward_length"), vocab=field("vocab_size"),
        context=field("context_length"), rope_base=field("rope.freq_base"),
        norm_epsilon=field("attention.layer_norm_rms_epsilon"),
    )  # fmt: skip
    weights = {
        t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32))
        for t in reader.tensors
    }
    return shape, reordered(shape, weights, from_gguf_rows)


def write_heads(file: Path, heads: Weights) -> None:
    layout = "medusa.I.weight [dim, dim]: state = h + silu(W h), h the normalised last state; logits = output matrix"
    save_file(
        {name: w.half().contiguous() for name, w in heads.items()}, file, metadata={"format": "pt", "layout": layout}
    )


def read_heads(file: Path) -> Weights:
    return {name: w.float() for name, w in load_file(file).items()}


HUGGING_FACE_NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{HUGGING_FACE_NAMES[part]}.weight"


def write_hugging_face_weights(folder: Path, weights: Weights) -> None:
    named = {hugging_face_name(name): w.half().contiguous() for name, w in weights.items()}
    save_file(named, folder / "model.safetensors", metadata={"format": "pt"})


def write_hugging_face_folder(folder: Path, shape: Shape, tokenizer: Tokenizer) -> None:
    """Everything but the weights."""
    folder.mkdir(exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "attention_bias": False,
        "hidden_size": shape.dim, "intermediate_size": shape.ffn, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context, "rms_norm_eps": shape.norm_epsilon, "rope_theta": shape.rope_base,
        "vocab_size": shape.vocab, "tie_word_embeddings": True, "bos_token_id": BEGIN_ID, "eos_token_id": END_ID,
        "dtype": "float16",
    }  # fmt: skip
    tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BEGIN, "eos_token": END,
        "model_max_length": shape.context, "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens, indent=2) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))
