"""The models of the family: their shapes, and how long each is trained."""

from typing import NamedTuple

from llama import Shape
from tasks import EDITING, EVEN, EXACTING, FINISHING, MOSTLY_SPELLING, Mix


class Schedule(NamedTuple):
    """Parts of (steps, sequences per step, tokens per sequence); the learning rate warms up and falls over them all."""

    parts: tuple[tuple[int, int, int], ...]
    learning_rate: float


class Polish(NamedTuple):
    schedule: Schedule
    mix: Mix
    # The share of the weights before, averaged in afterwards: what would be forgotten stays (model soups, 2203.05482).
    kept: float = 0


TARGET = Shape(layers=8, dim=192, heads=3, kv_heads=1, ffn=384)
TARGET_SCHEDULE = Schedule(((1600, 32, 256), (1700, 16, 512), (300, 8, 1024)), 6e-3)
TARGET_MIXES = {256: Mix(24000, 40, EVEN), 512: Mix(24000, 90, EXACTING), 1024: Mix(24000, 120, EXACTING)}
# Then short trainings for the edits, the last to become exact. Few tales, or their loss outweighs all else.
POLISH = (
    Polish(Schedule(((900, 16, 512),), 3e-3), Mix(40000, 70, EDITING, tales=0.2)),
    Polish(Schedule(((600, 16, 512),), 3e-3), Mix(50000, 50, MOSTLY_SPELLING, tales=0.2), kept=0.5),
    Polish(Schedule(((350, 16, 512),), 2e-3), Mix(40000, 80, FINISHING, tales=0.2), kept=0.5),
)

# wide and deep: the same number of parameters within 5 %, two layers against eight. Wide has the target's width.
WIDE = Shape(layers=2, dim=192, heads=3, kv_heads=1, ffn=384)
NARROW = {
    "deep": Shape(layers=8, dim=128, heads=2, kv_heads=1, ffn=128),
    "tiny": Shape(layers=3, dim=64, heads=1, kv_heads=1, ffn=192),
}
DRAFTS = {"wide": WIDE, **NARROW}
NARROW_SCHEDULE = Schedule(((1200, 16, 512),), 6e-3)
WIDE_SCHEDULE = Schedule(((700, 16, 512),), 6e-3)

NUM_MEDUSA_HEADS = 3
MEDUSA_SCHEDULE = Schedule(((350, 16, 512),), 2e-2)
