"""Batches of prompts of similar length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence


def batches_by_length(prompts: Sequence[Sequence[int]], most_tokens: int, most_rows: int) -> Iterator[list[int]]:
    """Give the indices of the prompts in batches, the longest first.

    A batch, padded to its longest prompt, has at most `most_tokens` tokens, unless one prompt alone has more.
    """
    batch: list[int] = []
    for index in sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True):
        width = len(prompts[batch[0]]) if batch else len(prompts[index])
        if batch and (len(batch) == most_rows or width * (len(batch) + 1) > most_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def batches_of_groups(
    groups: Sequence[Sequence[int]], prompts: Sequence[Sequence[int]], most_tokens: int, most_rows: int
) -> Iterator[list[Sequence[int]]]:
    """Give groups of the prompts' indices in batches that keep the limits of `batches_by_length`.

    A group that exceeds them alone is cut into pieces: equal reports make one group, however many they are. Groups of
    one size stand together, so that what each begins with is about as long as that of the others.
    """
    pieces = []
    for group in groups:
        rows = max(1, min(most_rows, most_tokens // max(len(prompts[index]) for index in group)))
        pieces += [group[start : start + rows] for start in range(0, len(group), rows)]
    for size in sorted({len(piece) for piece in pieces}):
        alike = [piece for piece in pieces if len(piece) == size]
        longest = [max((prompts[index] for index in piece), key=len) for piece in alike]
        for batch in batches_by_length(longest, most_tokens // size, most_rows // size):
            yield [alike[number] for number in batch]
