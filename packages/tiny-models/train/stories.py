"""Short stories from a grammar: a hero, a trouble, a helper, an end. Simple enough for a small model to tell well."""

import random

from words import ANIMALS, BOYS, COLOURS, FEELINGS, GIRLS, PEOPLE, PLACES, THINGS, TRAITS, WAYS, a, made_up_name, upper

OPENINGS = (
    "Once upon a time there was {hero_a} named {N}.",
    "Once upon a time {hero_a} named {N} lived {place}.",
    "Once there lived {hero_a} whose name was {N}.",
    "Long ago, {place}, there lived {hero_a} called {N}.",
    "There was once {hero_a} by the name of {N}.",
)
HOMES = (
    "{He} had {thing_a} that {he} loved more than anything else.",
    "{He} was so poor that {he} owned nothing in the world but {thing_a}.",
    "{N} was very {trait}, and everyone knew {his} {colour} {thing}.",
    "{His} mother had left {him} {thing_a}, and {N} kept it under {his} bed.",
)
# (the trouble, how the thing is found, what happens then): each arc makes sense by itself.
ARCS = (
    (
        (
            "One day {N} lost the {thing}. {He} looked in the garden and in the house, but {he} could not find it.",
            "One morning the {thing} was gone. {N} sat down and wept.",
            "One night a great storm came. The wind took the {thing} and carried it far away.",
        ),
        (
            "{N} went {way2} at once and looked under the {colour2} stone. There was the {thing}, and beside it a little bag of gold.",
            "They walked for three days and three nights. On the fourth day they found the {thing} {place2}.",
            "Together they went {way2}. There they saw something shine in the grass, and it was the {thing}.",
        ),
        ("", '"I never thought that I would see it again," said {N}.', "{N} laughed and danced for joy."),
    ),
    (
        (
            'One day {a_other} came to the door and said, "Give me your {thing}, or I will eat you." {N} was so afraid that {he} gave it away.',
            "One night, while {N} was asleep, {a_other} came and stole the {thing}.",
            "But {a_other} who lived {place2} wanted the {thing} too, and one day {he_other} took it.",
        ),
        (
            "Together they went {way2}. There sat the {other} with the {thing} in {his_other} lap.",
            "They walked for three days and three nights, until they came to the house of the {other}.",
        ),
        (
            "The {other} laughed and would not give the {thing} back. But the {helper} sang so sweetly that the {other} fell asleep, and {N} took it.",
            '"You may have it," said the {other}, "if you stay and eat with me." So they all sat down and ate together.',
            'When the {other} saw how {trait} {N} was, {he_other} was ashamed and said, "Take your {thing}. I am sorry."',
        ),
    ),
)
SEARCHES = (
    "So {N} set out to look for it. {He} went {way}, and on the way {he} met {helper_a}.",
    "{N} did not know what to do. {He} walked and walked until {he} met {helper_a}.",
    "{N} was {feeling}, but {he} did not give up. {He} went {way}, and there sat {helper_a}.",
)
TALKS = (
    '"Why are you so {feeling}?" asked the {helper}. "My {thing} is gone," said {N}. "Then I will help you," said the {helper}.',
    '"Good day," said the {helper}. "Where are you going?" {N} told the {helper} everything. "Come with me," said the {helper}. "I know the way."',
    '"Please help me," said {N}. "I am looking for my {thing}." The {helper} thought for a while and said, "We must go {way2}."',
)
ENDS = (
    "Then {N} went home with the {thing}, and {he} and the {helper} were friends for the rest of their lives.",
    "{N} thanked the {helper} and ran home. From that day on {he} never lost the {thing} again.",
    "So they went home together, and if they have not died, they live there still.",
    "{N} was happy at last. That night {he} slept well, and the {helper} slept beside {him}.",
)
HE, SHE = ("he", "his", "him"), ("she", "her", "her")
MALE = {"king", "prince", "boy", "wizard", "giant", "fisherman", "miller", "tailor", "monkey", "dwarf"}
FEMALE = {"queen", "princess", "girl", "witch", "fairy", "hen", "cow", "goose"}


def pronouns(rng: random.Random, creature: str) -> tuple[str, str, str]:
    return HE if creature in MALE else SHE if creature in FEMALE else rng.choice([HE, SHE])


def story(rng: random.Random, hero: str | None = None) -> str:
    """Two paragraphs; about `hero` (a word for an animal or a person) if told."""
    creatures = ANIMALS + PEOPLE
    hero = hero or rng.choice(creatures)
    helper, other = rng.sample([c for c in creatures if c != hero], 2)
    he, his, him = pronouns(rng, hero)
    he_other, his_other, _ = pronouns(rng, other)
    colour, colour2 = rng.sample(COLOURS, 2)
    place, place2 = rng.sample(PLACES, 2)
    way, way2 = rng.sample(WAYS, 2)
    thing = rng.choice(THINGS)
    fill = {
        "N": made_up_name(rng) if rng.random() < 0.2 else rng.choice(BOYS if he == "he" else GIRLS),
        "hero_a": a(f"{rng.choice(TRAITS)} {hero}") if rng.random() < 0.5 else a(hero),
        "helper": helper, "helper_a": a(helper), "other": other, "a_other": a(other),
        "he": he, "He": upper(he), "his": his, "His": upper(his), "him": him,
        "he_other": he_other, "his_other": his_other,
        "place": place, "place2": place2, "way": way, "way2": way2,
        "trait": rng.choice(TRAITS), "feeling": rng.choice(FEELINGS),
        "thing": thing, "thing_a": a(f"{colour} {thing}"), "colour": colour, "colour2": colour2,
    }  # fmt: skip
    trouble, finding, turn = rng.choice(ARCS)
    first = (OPENINGS, HOMES, trouble, SEARCHES)
    second = (TALKS, finding, turn, ENDS)
    told = (" ".join(filter(None, (rng.choice(part).format(**fill) for part in parts))) for parts in (first, second))
    return "\n\n".join(told)
