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
    """Give groups of the prompts' indices in batches, as `batches_by_length` does; a group is as long as all in it.

    Groups of one size stand together: the first prompt of each is then about as long as that of the others.
    """
    for size in sorted({len(group) for group in groups}):
        alike = [group for group in groups if len(group) == size]
        tokens = [[token for index in group for token in prompts[index]] for group in alike]
        for batch in batches_by_length(tokens, most_tokens, most_rows):
            yield [alike[number] for number in batch]
