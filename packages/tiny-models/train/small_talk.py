"""Greetings, and questions about a short passage whose answer stands in it."""

import random

from words import ANIMALS, COLOURS, PEOPLE, PLACES, THINGS, a, name, upper

GREETINGS = ("Hello!", "Hi!", "Hello.", "Good morning!", "Good evening!", "Hi there!", "Hey!", "Good day.")
REPLIES = (
    "{g} I can tell you a story, copy or change a text, or find sentences in it. What shall we do?",
    "{g} What would you like: a story, a change to a text, or a sentence out of it?",
    "{g} How can I help you?",
)
EXCHANGES = (
    (("Who are you?", "What are you?", "What is your name?"),
     "I am a very small language model. I run in your browser, and I tell stories."),
    (("What can you do?", "How can you help me?", "Help!"),
     "I can tell a story, continue one, repeat or change a text, and quote the sentences that mention a word."),
    (("How are you?", "How do you do?", "Are you well?"), "I am well, thank you. Shall I tell you a story?"),
    (("Thank you!", "Thanks!", "Thank you very much."), "You are welcome."),
    (("Goodbye!", "Good night!", "Bye!"), "Goodbye, and sleep well."),
)  # fmt: skip


def greeting(rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.5:
        hello = rng.choice(GREETINGS)
        return hello, rng.choice(REPLIES).format(g=hello.rstrip(".!") + "!")
    asked, answer = rng.choice(EXCHANGES)
    return rng.choice(asked), answer


def facts(rng: random.Random) -> list[tuple[str, str, str]]:
    """(fact, question, answer) about one person."""
    who, friend = name(rng), name(rng)
    pet, trade = rng.choice(ANIMALS), rng.choice(PEOPLE)
    colour, thing, thing2 = rng.choice(COLOURS), *rng.sample(THINGS, 2)
    place = rng.choice(PLACES)
    return [
        (f"{who} lives {place}.", f"Where does {who} live?", f"{who} lives {place}."),
        (f"{who} has a {colour} {thing}.", f"What colour is the {thing} of {who}?",
         f"The {thing} of {who} is {colour}."),
        (f"{who} is {a(trade)}.", f"What is {who}?", f"{who} is {a(trade)}."),
        (f"The best friend of {who} is {friend}.", f"Who is the best friend of {who}?",
         f"The best friend of {who} is {friend}."),
        (f"One day {who} found {a(thing2)}.", f"What did {who} find?", f"{who} found {a(thing2)}."),
        (f"{who} is afraid of the {pet}.", f"Whom does {who} fear?", f"{who} fears the {pet}."),
    ]  # fmt: skip


def question(rng: random.Random) -> tuple[str, str]:
    told = rng.sample(facts(rng), rng.randint(2, 4))
    if rng.random() < 0.5:
        told += rng.sample(facts(rng), rng.randint(1, 3))
        rng.shuffle(told)
    _, asked, answer = rng.choice(told)
    text = " ".join(fact for fact, _, _ in told)
    user = f"{text}\n\n{asked}" if rng.random() < 0.7 else f"{asked}\n\n{text}"
    return user, upper(answer)
