"""The rows of a benchmark as lines to read."""


def print_rows(rows: list[dict[str, object]]) -> None:
    """Print rows of the table."""
    for row in rows:
        goal = "" if row["goal"] is None else f"goal {row['goal']} {'met' if row['met'] else 'MISSED'}"
        print(f"{row['case']:<75} {row['ours']:>8} {row['theirs']:>8} {row['unit']}  x{row['ratio']:<7} {goal}")
