"""Word lists that stories and tasks draw from."""

import random

GIRLS = (
    "Anna Lily Nora Clara Mia Ella Rosa Ida Greta Lena Jane Maud Kate Susan Alice Dora Hazel Julia Martha Olive Ruth "
    "Tilda Ursula Wanda Flora Gerda Hilda Kira Mabel Oona Runa Selma"
).split()

BOYS = (
    "Tom Max Ben Otto Finn Hugo Karl Paul Emil Oskar Peter Hans Martin Robert Henry Felix Ivan Leo Ned "
    "Percy Simon Victor "
    "Edgar Igor Jasper Ludwig Nils Piet Quentin Albert George Walter"
).split()

NAMES = GIRLS + BOYS

PEOPLE = (
    "king queen prince princess miller farmer fisherman tailor shepherd baker hunter soldier giant dwarf witch fairy "
    "wizard boy girl cook blacksmith merchant sailor woodcutter"
).split()

ANIMALS = (
    "fox wolf bear cat dog mouse rabbit owl frog hen goose duck horse donkey goat sheep cow pig hedgehog "
    "squirrel raven "
    "eagle swan stork fish turtle bee lion monkey elephant tiger crow sparrow badger deer dragon"
).split()

PLACES = (
    "in an old mill|by the sea|in a dark forest|on a high hill|near a quiet lake|in a small village|under a great oak|"
    "in a castle of grey stone|behind the church|beside the river|on a green island|at the edge of the wood|"
    "in a house with a red door|in a deep valley|under the roots of a tree|beyond the seven hills"
).split("|")

WAYS = (
    "to the old mill|down to the sea|into the dark forest|up the high hill|to the quiet lake|to the next village|"
    "to the great oak|to the castle|to the churchyard|down to the river|across the meadow|over the bridge|"
    "along the dusty road|into the deep valley|through the snow|to the market"
).split("|")

TRAITS = (
    "kind clever brave lazy proud hungry lonely curious merry poor greedy patient shy honest foolish "
    "gentle stubborn tiny"
).split()

COLOURS = "red blue green yellow white black grey brown golden silver".split()

THINGS = (
    "lamp ring key cup basket coat hat boat drum bell book mirror spoon knife chair blanket lantern flute wagon kettle "
    "crown apple loaf cheese cake egg rope ladder hammer needle purse shoe"
).split()

FEELINGS = "sad tired angry afraid unhappy cold hungry lonely".split()


def a(word: str) -> str:
    """The word with its article."""
    return ("an " if word[0] in "aeiou" else "a ") + word


def upper(text: str) -> str:
    return text[0].upper() + text[1:]


def made_up_name(rng: random.Random) -> str:
    """A name that stands on no list, so that names are copied and not remembered."""
    syllables = ["".join((rng.choice("bdfgklmnprstvz"), rng.choice("aeiou"))) for _ in range(rng.randint(1, 3))]
    return upper("".join(syllables) + rng.choice(["", "n", "r", "l", "s", "ck", "m"]) + rng.choice(["", "a", "o", "e"]))


def name(rng: random.Random) -> str:
    return made_up_name(rng) if rng.random() < 0.3 else rng.choice(NAMES)
