"""Interpolated Kneser-Ney 5-gram over tokens (Chen and Goodman 1998): the bar that the models must clear."""

from collections import Counter, defaultdict

ORDER, DISCOUNT = 5, 0.75


class FiveGram:
    """counts[n][context][token]: occurrences for the highest order, distinct left neighbours below it."""

    def __init__(self, documents: list[list[int]], vocab: int):
        self.vocab = vocab
        self.counts: list[dict[tuple, Counter]] = [defaultdict(Counter) for _ in range(ORDER)]
        for ids in documents:
            for end in range(1, len(ids)):
                for n in range(min(ORDER - 1, end), -1, -1):
                    counter = self.counts[n][tuple(ids[end - n : end])]
                    counter[ids[end]] += 1
                    if counter[ids[end]] > 1:
                        break  # a lower order counts distinct left neighbours: a repeat adds none
        self.totals = [{context: sum(c.values()) for context, c in level.items()} for level in self.counts]

    def probability(self, context: tuple, token: int) -> float:
        p = 1 / self.vocab
        for n in range(min(ORDER - 1, len(context)) + 1):
            key = tuple(context[len(context) - n :])
            counter = self.counts[n].get(key)
            if counter is None:
                break
            total = self.totals[n][key]
            p = (max(counter[token] - DISCOUNT, 0) + DISCOUNT * len(counter) * p) / total
        return p
