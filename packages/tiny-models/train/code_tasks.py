"""Small edits to small TypeScript functions."""

import random
import re

NOUNS = "count total price name user list item key value text index width height size path line word page score".split()
VERBS = "get set read load find make add count parse check send show sum sort merge update".split()
TYPES = ("number", "string", "boolean", "string[]", "number[]")


def camel(*words: str) -> str:
    return words[0] + "".join(w[0].upper() + w[1:] for w in words[1:])


def body(rng: random.Random, one: str, two: str, local: str) -> list[str]:
    """The lines of a function of two parameters that ends by returning `local`."""
    first = rng.choice([
        f"const {local} = {one} + {two}", f"const {local} = {one}.slice({two})", f"let {local} = {two}",
        f"const {local} = [{one}, {two}]", f"let {local} = {one}.length", f"const {local} = Math.max({one}, {two})",
    ])  # fmt: skip
    middle = rng.sample([
        f"if ({one} === {two}) return {one}", f"for (const part of {one}) {two} += part", f"save({local})",
        f"{two} = {two} * 2", f"if (!{two}) throw new Error('no {two}')", f"cache.set({one}, {local})",
    ], rng.randint(0, 3))  # fmt: skip
    return [first, *middle]


def edit(rng: random.Random) -> tuple[str, str]:
    """(instruction and code, changed code)"""
    one, two, local = rng.sample(NOUNS, 3)
    function = camel(
        rng.choice(VERBS), rng.choice(NOUNS), *rng.sample(["all", "first", "by", "from"], rng.randint(0, 1))
    )
    kinds = rng.choice(TYPES), rng.choice(TYPES), rng.choice(TYPES)
    head = f"function {function}({one}: {kinds[0]}, {two}: {kinds[1]}): {kinds[2]} {{"
    lines = [f"  {line}" for line in body(rng, one, two, local)]
    end = [f"  return {local}", "}"]
    code = "\n".join([head, *lines, *end])
    change = rng.random()
    if change < 0.35:
        shown = rng.choice([one, two, local])
        instruction = f"Add a line that logs {shown} before the return."
        changed = "\n".join([head, *lines, f"  console.log({shown})", *end])
    elif change < 0.65:
        tested = rng.choice([one, two])
        instruction = f"Add a first line that throws if {tested} is undefined."
        check = f"  if ({tested} === undefined) throw new Error('{tested} is missing')"
        changed = "\n".join([head, check, *lines, *end])
    else:
        old = rng.choice([one, two, local, function])
        new = camel(*rng.sample(NOUNS, 2)) if old != function else camel(rng.choice(VERBS), *rng.sample(NOUNS, 1))
        instruction = f"Rename {old} to {new}."
        changed = re.sub(rf"\b{old}\b", new, code)
    return f"{instruction}\n\n{code}", changed
