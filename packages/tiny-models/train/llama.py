"""The Llama architecture in PyTorch: one forward pass for training, one step with a KV cache for generation.

Weights are a dict of float32 tensors by the names that GGUF uses, each [out, in] as in the file. RoPE pairs element
i with i + head_dim / 2 (Hugging Face's order); `model_files.py` reorders the rows of q and k for GGUF.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


class Shape(NamedTuple):
    layers: int
    dim: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int = 2048
    context: int = 1024
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


def init(shape: Shape, seed: int) -> Weights:
    """Normal weights, the two matrices that write into the residual stream scaled down by depth; tied embedding."""
    rng = torch.Generator().manual_seed(seed)

    def matrix(rows: int, columns: int, scale: float = 1.0) -> Tensor:
        return torch.randn(rows, columns, generator=rng) * scale * columns**-0.5

    out = (2 * shape.layers) ** -0.5
    kv = shape.kv_heads * shape.head_dim
    weights = {
        "token_embd.weight": torch.randn(shape.vocab, shape.dim, generator=rng) * 0.02,
        "output_norm.weight": torch.ones(shape.dim),
    }
    for i in range(shape.layers):
        weights |= {
            f"blk.{i}.attn_norm.weight": torch.ones(shape.dim),
            f"blk.{i}.attn_q.weight": matrix(shape.dim, shape.dim),
            f"blk.{i}.attn_k.weight": matrix(kv, shape.dim),
            f"blk.{i}.attn_v.weight": matrix(kv, shape.dim),
            f"blk.{i}.attn_output.weight": matrix(shape.dim, shape.dim, out),
            f"blk.{i}.ffn_norm.weight": torch.ones(shape.dim),
            f"blk.{i}.ffn_gate.weight": matrix(shape.ffn, shape.dim),
            f"blk.{i}.ffn_up.weight": matrix(shape.ffn, shape.dim),
            f"blk.{i}.ffn_down.weight": matrix(shape.dim, shape.ffn, out),
        }
    return weights


def num_parameters(weights: Weights) -> int:
    return sum(w.numel() for w in weights.values())


def rope(shape: Shape, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each [positions, head_dim / 2]."""
    half = shape.head_dim // 2
    angle = positions[:, None] * shape.rope_base ** (-torch.arange(half) / half)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)  # x [batch, heads, rows, head_dim]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)


# (layer, k, v) -> the k and v to attend over, all [batch, kv_heads, rows or slots, head_dim]
Cache = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]


def hidden(
    shape: Shape, w: Weights, tokens: Tensor, positions: Tensor, cache: Cache | None = None, causal: bool = True
) -> Tensor:
    """The normalised state that the output matrix reads, [batch, rows, dim], for tokens [batch, rows].

    Rows see each other causally; with `causal` false, which is for a single row, they see all that the cache returns.
    """
    batch, rows = tokens.shape
    cos, sin = rope(shape, positions)

    def norm(name: str, x: Tensor) -> Tensor:
        return F.rms_norm(x, (shape.dim,), w[f"{name}_norm.weight"], shape.norm_epsilon)

    def heads(name: str, x: Tensor, count: int) -> Tensor:
        return F.linear(x, w[f"{name}.weight"]).view(batch, rows, count, shape.head_dim).transpose(1, 2)

    x = F.embedding(tokens, w["token_embd.weight"])
    for i in range(shape.layers):
        blk = f"blk.{i}."
        h = norm(blk + "attn", x)
        q = rotate(heads(blk + "attn_q", h, shape.heads), cos, sin)
        k = rotate(heads(blk + "attn_k", h, shape.kv_heads), cos, sin)
        v = heads(blk + "attn_v", h, shape.kv_heads)
        if cache:
            k, v = cache(i, k, v)
        if causal:
            shared = shape.heads // shape.kv_heads
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            # The heads that share keys and values become rows of one head: nothing is repeated.
            together = q.reshape(batch, shape.kv_heads, -1, shape.head_dim)
            attended = F.scaled_dot_product_attention(together, k, v).reshape(batch, shape.heads, rows, shape.head_dim)
        x = x + F.linear(attended.transpose(1, 2).reshape(batch, rows, shape.dim), w[blk + "attn_output.weight"])
        h = norm(blk + "ffn", x)
        gate, up = F.linear(h, w[blk + "ffn_gate.weight"]), F.linear(h, w[blk + "ffn_up.weight"])
        x = x + F.linear(F.silu(gate) * up, w[blk + "ffn_down.weight"])
    return norm("output", x)


def logits(shape: Shape, w: Weights, tokens: Tensor) -> Tensor:
    """[batch, rows, vocab] for tokens [batch, rows], from position 0."""
    return F.linear(hidden(shape, w, tokens, torch.arange(tokens.shape[1])), w["token_embd.weight"])
