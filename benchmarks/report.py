"""Turn stored results into the tables and the figure of the site's page on benchmarks."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from benchmarks.contenders import FLOOR, OURS, PLAIN
from mbgd_lib.show.plots import COLOURS, DASHES, MARKERS, course_style

Results = dict[str, Any]

PAGE = """\
% Written by `make bench` from results.json: change that, not this.

{machine}

{verdict}

```{{figure}} /benchmarks/results.png
:name: fig-benchmarks
:alt: {alt}

{caption}
```

{ratios}

{ways}

### In seconds

::::{{tab-set}}
{details}
::::
"""


def write_report(results: Results, folder: Path) -> None:
    """Write the page's part (results.md) and its figure (results.png) into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(page(results), encoding="utf-8")
    figure = draw(results)
    figure.savefig(folder / "results.png", dpi=150, metadata={"Software": None})
    plt.close(figure)
    with Image.open(folder / "results.png") as picture:
        picture.convert("RGB").quantize(64).save(folder / "results.png", optimize=True)


def page(results: Results) -> str:
    return PAGE.format(
        machine=machine_sentence(results),
        verdict=verdict(results),
        alt=alt_text(results),
        caption=caption(results),
        ratios=ratio_table(results),
        ways=ways_table(results),
        details="\n".join(detail_tab(results, size) for size in results["batch_sizes"]),
    )


# --- numbers ---


def seconds(results: Results, name: str, batch_size: int) -> list[float]:
    """The contender's times, a round each; none where it was left out or is not installed."""
    for entry in results["measurements"]:
        if (entry["contender"], entry["batch_size"]) == (name, batch_size):
            return list(entry["seconds"])
    return []


def ratios(results: Results, name: str, batch_size: int, ours: str = OURS.name) -> list[float]:
    """Its time over ours, round by round, so that a slow moment of the machine cancels."""
    theirs, our = (seconds(results, who, batch_size) for who in (name, ours))
    return [t / o for t, o in zip(theirs, our, strict=False)]


def ratio(results: Results, name: str, batch_size: int, ours: str = OURS.name) -> float | None:
    found = ratios(results, name, batch_size, ours)
    return median(found) if found else None


def peers(results: Results) -> list[str]:
    """Whoever trains and ran at least once, ourselves not counted."""
    names = [contender["name"] for contender in results["contenders"]]
    return [
        name
        for name in names
        if name not in (OURS.name, PLAIN.name, FLOOR.name)
        and any(ratio(results, name, size) is not None for size in results["batch_sizes"])
    ]


def fastest_peer(
    results: Results, batch_size: int, ours: str = OURS.name
) -> tuple[float, str] | None:
    """The least ratio at this batch size, and whose it is."""
    found = [(ratio(results, name, batch_size, ours), name) for name in peers(results)]
    return min(((r, name) for r, name in found if r is not None), default=None)


# --- sentences ---


def machine_sentence(results: Results) -> str:
    m = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items() if v is not None)
    pools = ", ".join(f"{name} {count}" for name, count in m["threads"].items())
    return (
        f"Measured on {m['date']}: {m['processor']}, {m['cores']} cores, {m['system']}. "
        f"Python {m['python']}, {versions}. Threads: {pools}. "
        f"Data: {results['data']}. Learning rate {results['learning_rate']}. "
        f"Every epoch was timed {times(results)}, in turns; `make bench` times all of them again."
        f"{quietness(results)}"
    )


def times(results: Results) -> str:
    """How often each way was timed."""
    return "once" if results["rounds"] == 1 else f"{results['rounds']} times"


def quietness(results: Results) -> str:
    """What else ran, where the system tells; the run itself makes up 1 of the load, or less."""
    load = results["load_before"]
    if load is None:
        return ""
    busy = " **Others were at work, so these numbers are noisy.**" if load > 1.5 else ""
    return f" Load average before the run: {load:.2f}.{busy}"


def verdict(results: Results) -> str:
    text = (
        "On softmax regression, a linear model with a score for each class, **`mbgd_lib` is faster "
        f"than every peer at {ahead(results, OURS.name)}"
    )
    if any(ratio(results, PLAIN.name, size) for size in results["batch_sizes"]):
        text += f" In NumPy alone **it is at {ahead(results, PLAIN.name)}"
    sizes = results["batch_sizes"]
    floors = [r for size in sizes if size >= 64 and (r := ratio(results, FLOOR.name, size))]
    if floors:
        text += (
            f" From batch size 64 on ours takes {number(1 / max(floors))} to "
            f"{number(1 / min(floors))} times the bare floor."
        )
    return text


def ahead(results: Results, ours: str) -> str:
    """Say at how many batch sizes we are ahead, and who is where we are not."""
    sizes = results["batch_sizes"]
    fastest = {n: found for n in sizes if (found := fastest_peer(results, n, ours))}
    lost = {size: found for size, found in fastest.items() if found[0] < 1}
    text = f"{len(fastest) - len(lost)} of {len(fastest)} batch sizes.**"
    if lost:
        listed = "; ".join(f"{size:,}: {name} ({number(r)})" for size, (r, name) in lost.items())
        text += f" Where it is not, the fastest peer, with the ratio to our time, is {listed}."
    return text


def caption(results: Results) -> str:
    every = [
        ratio(results, name, size) for name in peers(results) for size in results["batch_sizes"]
    ]
    ran = [r for r in every if r is not None]
    above = sum(r > 1 for r in ran)
    return (
        "**Time of an epoch over that of `mbgd_lib`, against the batch size.** Above 1 a way is "
        f"slower than ours, as {above} of {len(ran)} points of the peers are. Medians; each was "
        f"timed {times(results)}, in turns."
    )


def alt_text(results: Results) -> str:
    """The least and the largest ratio of each line, for a listener."""
    parts = []
    for name in peers(results):
        found = [(ratio(results, name, size), size) for size in results["batch_sizes"]]
        (low, at_low), (high, at_high) = (f(p for p in found if p[0]) for f in (min, max))
        parts.append(
            f"{name} from {number(low)} (batch size {at_low:,}) to {number(high)} ({at_high:,})"
        )
    return "Lines of the time ratio against batch size, both logarithmic: " + "; ".join(parts) + "."


# --- tables ---


def ratio_table(results: Results) -> str:
    sizes = results["batch_sizes"]
    rows = [
        [c["name"], *(ratio_cell(results, c, size) for size in sizes)]
        for c in results["contenders"]
    ]
    head = ["time over ours at batch size", *(f"{size:,}" for size in sizes)]
    return markdown_table(head, rows)


def ratio_cell(results: Results, contender: Results, batch_size: int) -> str:
    if not contender["installed"]:
        return "not run"
    found = ratio(results, contender["name"], batch_size)
    return "over budget" if found is None else number(found)


def ways_table(results: Results) -> str:
    rows = [[c["name"], c["note"], work(c)] for c in results["contenders"]]
    return markdown_table(["way", "what it does", "same work as ours"], rows)


def work(contender: Results) -> str:
    if not contender["installed"]:
        return "not run: not installed"
    if contender["tolerance"] is None:
        return "no"
    if contender["tolerance"] < 0.01:
        return "yes: the same batches"
    return "yes, in another order of rows"


def detail_tab(results: Results, batch_size: int) -> str:
    return f":::{{tab-item}} {batch_size:,}\n{detail_table(results, batch_size)}\n:::"


def detail_table(results: Results, batch_size: int) -> str:
    rows = [
        detail_row(results, contender, batch_size)
        for contender in results["contenders"]
        if contender["installed"]
    ]
    head = ["way", "median", "least to most", "over ours", "least to most", "loss after the epoch"]
    return markdown_table(head, rows)


def detail_row(results: Results, contender: Results, batch_size: int) -> list[str]:
    (entry,) = (
        m
        for m in results["measurements"]
        if (m["contender"], m["batch_size"]) == (contender["name"], batch_size)
    )
    times = entry["seconds"]
    if not times:
        limit = duration(results["budget"])
        left_out = f"left out: about {duration(entry['estimate'])}, over the budget of {limit}"
        return [contender["name"], left_out, "", "", "", ""]
    over = ratios(results, contender["name"], batch_size)
    return [
        contender["name"],
        duration(median(times)),
        f"{duration(min(times))} to {duration(max(times))}",
        number(median(over)),
        f"{number(min(over))} to {number(max(over))}",
        "does not train" if contender["name"] == FLOOR.name else f"{entry['loss']:.4f}",
    ]


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Two digits that count, or all before the point."""
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def duration(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"


# --- figure ---


def draw(results: Results) -> Figure:
    """Ratio to our time against batch size, a line for each peer; ours and the floor in black."""
    course_style()
    figure, ax = plt.subplots(figsize=(7.2, 5.4))
    for i, name in enumerate(peers(results)):
        style = {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": DASHES[i // len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        ax.plot(*points(results, name), **style, label=name)
    ax.plot(*points(results, FLOOR.name), color="black", linestyle=":", label=FLOOR.name)
    ax.plot(*points(results, PLAIN.name), color="black", linestyle="--", label=PLAIN.name)
    ax.axhline(1, color="black", linewidth=2, label=OURS.name)
    ax.set(xscale="log", yscale="log", xlabel="batch size [rows]", ylabel="time of an epoch / ours")
    ax.xaxis.set(major_locator=FixedLocator(results["batch_sizes"]), minor_locator=NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda r, _: f"{r:g}"))
    ax.tick_params("x", labelsize=9)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def points(results: Results, name: str) -> tuple[list[int], list[float]]:
    """Batch sizes at which it ran, and its ratios there."""
    found = [(size, ratio(results, name, size)) for size in results["batch_sizes"]]
    ran = [(size, r) for size, r in found if r is not None]
    return [size for size, _ in ran], [r for _, r in ran]
