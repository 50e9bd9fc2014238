"""Pictures of what was measured: `build/bench.svg` and others, and as PNG beside it where there is a Chromium.

Drawn as SVG by hand: three simple panels do not need a plotting library, and Chromium, which the tests of the stage
page have anyway, turns it into a PNG. It draws; what the figures are is `report`.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from benchmarks.measuring import BUILD, Measure
from benchmarks.report import Curve, Report

WIDTH, HEIGHT, MARGIN = 1240, 960, 60
CHROMIUM_S = 60.0
COLOURS = ("#1f6f8b", "#e07a1f", "#7a4fa3", "#3a8f3a")
INK, PALE = "#222222", "#d8d8d8"


def draw(report: Report, folder: Path = BUILD) -> Path | None:
    """The PNG, or None where it could not be made (the SVG is there all the same)."""
    title = f"Auction Manager, {report.machine.get('cores', '?')} cores, Python {report.machine.get('python', '?')}"
    note = " (quick: the figures mean nothing)" if report.quick else ""
    parts = [
        _text(MARGIN, 38, title + note, size=20),
        *_rates(report.measures, 90),
        *_curves(report.curves, MARGIN + 20, 520),
        *_history(report.measures, 690, 520),
    ]
    return save(parts, folder / "bench.svg", HEIGHT)


def draw_series(title: str, panels: Mapping[str, Mapping[str, Sequence[float]]], svg: Path) -> Path | None:
    """One value a day, a panel above the other, each with some lines by their names; the PNG like `draw`."""
    parts = [_text(MARGIN, 38, title, size=20)]
    for place, (name, lines) in enumerate(panels.items()):
        parts += _series(name, lines, MARGIN + 20, 100 + 300 * place)
    return save(parts, svg, 100 + 300 * len(panels))


def save(parts: Sequence[str], svg: Path, height: int) -> Path | None:
    """Write the SVG, and the PNG beside it where there is a Chromium: its path, or None."""
    png = svg.with_suffix(".png")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">'
    paper = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    svg.write_text("\n".join([head, paper, *parts, "</svg>"]), encoding="utf-8")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        return None
    png.unlink(missing_ok=True)
    command = [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{height}"]
    command += [f"--screenshot={png.resolve()}", svg.resolve().as_uri()]
    subprocess.run(command, check=False, capture_output=True, timeout=CHROMIUM_S)  # noqa: S603
    return png if png.exists() else None


def _rates(measures: Sequence[Measure], top: int) -> list[str]:
    """Bids a second, side by side on a logarithmic scale, the whiskers from the least to the most of all runs."""
    found = [measure for measure in measures if measure.unit == "bids/s"]
    left, right, step = 430, WIDTH - 140, 36
    parts = [_text(MARGIN, top, "Bids a second (median of all runs; whisker: least to most; logarithmic)", size=15)]
    if not found:
        return parts
    low, high = 10 ** math.floor(math.log10(min(m.least for m in found))), max(m.most for m in found) * 1.1

    def at(value: float) -> float:
        return left + (right - left) * math.log(value / low) / math.log(high / low)

    for power in range(round(math.log10(low)), int(math.log10(high)) + 1):
        x = at(10**power)
        parts += [_line(x, top + 14, x, top + 20 + step * len(found), PALE)]
        parts += [_text(x, top + 38 + step * len(found), f"{10**power:,}", anchor="middle", size=12)]
    for place, measure in enumerate(found):
        y = top + 22 + step * place
        colour = COLOURS[1] if measure.name.endswith("the same writes") else COLOURS[0]
        parts += [_text(left - 12, y + 17, measure.name, anchor="end", size=13)]
        parts += [f'<rect x="{left}" y="{y}" width="{at(measure.median) - left:.1f}" height="24" fill="{colour}"/>']
        parts += [_line(at(measure.least), y + 12, at(measure.most), y + 12, INK, 2)]
        parts += [_text(max(at(measure.median), at(measure.most)) + 8, y + 17, f"{measure.median:,.0f}", size=13)]
    return parts


def _curves(curves: Sequence[Curve], left: int, top: int) -> list[str]:
    """Latency against the share of bids that had no more of it."""
    parts = [
        _text(left - 20, top - 24, "Latency of the last run, ms: solid to a viewer's frame, dashed to disk", size=15)
    ]
    values = [value for curve in curves for value in curve.values]
    if not values:
        return parts
    width, height = 460, 340
    low, high = 10 ** math.floor(math.log10(max(min(values), 0.1))), 10 ** math.ceil(math.log10(max(*values, 1.0)))
    names = ("p50", "p90", "p99", "worst")

    def y(value: float) -> float:
        return top + height - height * math.log(max(value, low) / low) / math.log(high / low)

    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        parts += [_line(left, y(10**power), left + width, y(10**power), PALE)]
        parts += [_text(left - 8, y(10**power) + 4, f"{10**power:g}", anchor="end", size=12)]
    xs = [left + 30 + (width - 60) * place / (len(names) - 1) for place in range(len(names))]
    parts += [_text(x, top + height + 20, name, anchor="middle", size=12) for x, name in zip(xs, names, strict=True)]
    rates = sorted({curve.rate for curve in curves})
    for curve in curves:
        colour = COLOURS[rates.index(curve.rate) % len(COLOURS)]
        points = [(x, y(value)) for x, value in zip(xs, curve.values, strict=True)]
        parts += [_path(points, colour, dashed=curve.what == "durable")]
    for place, rate in enumerate(rates):
        x = left + 150 * place
        parts += [_line(x, top + height + 44, x + 26, top + height + 44, COLOURS[place % len(COLOURS)], 3)]
        parts += [_text(x + 34, top + height + 48, f"{rate:,} bids/s", size=12)]
    return parts


def _history(measures: Sequence[Measure], left: int, top: int) -> list[str]:
    """What a bid costs, against how many there were before."""
    parts = [_text(left - 20, top - 24, "Cost of a bid (µs) by the length of the history", size=15)]
    found = [(m, re.fullmatch(r"history of ([\d,]+): a bid", m.name)) for m in measures]
    points = [(int(match[1].replace(",", "")), measure) for measure, match in found if match]
    if not points:
        return parts
    width, height, high = 460, 340, 1.2 * max(measure.most for _, measure in points)
    for tick in range(5):
        y = top + height - height * tick / 4
        parts += [_line(left, y, left + width, y, PALE)]
        parts += [_text(left - 8, y + 4, f"{high * tick / 4:,.0f}", anchor="end", size=12)]
    marks = []
    for place, (size, measure) in enumerate(points):
        x = left + 40 + (width - 80) * place / max(1, len(points) - 1)
        ys = [top + height - height * value / high for value in (measure.least, measure.median, measure.most)]
        marks.append((x, ys[1]))
        parts += [_line(x, ys[0], x, ys[2], INK, 2)]
        parts += [_text(x, top + height + 20, f"{size:,}", anchor="middle", size=12)]
        parts += [_text(x, ys[2] - 12, f"{measure.median:,.1f}", anchor="middle", size=12)]
    return [*parts, _path(marks, COLOURS[0], dashed=False)]


def _series(name: str, lines: Mapping[str, Sequence[float]], left: int, top: int) -> list[str]:
    """Values against their place, from zero up."""
    width, height = WIDTH - left - 2 * MARGIN, 200
    parts = [_text(left - 20, top - 14, name, size=15)]
    high = 1.1 * max((value for values in lines.values() for value in values), default=1.0)
    most = max(map(len, lines.values()))
    for tick in range(5):
        y = top + height - height * tick / 4
        parts += [
            _line(left, y, left + width, y, PALE),
            _text(left - 8, y + 4, f"{high * tick / 4:,.0f}", anchor="end", size=12),
        ]
        x = left + width * tick / 4
        parts += [_text(x, top + height + 20, f"{most * tick / 4:,.0f}", anchor="middle", size=12)]
    for place, (line, values) in enumerate(lines.items()):
        points = [(left + width * n / max(1, most - 1), top + height - height * v / high) for n, v in enumerate(values)]
        parts += [_path(points, COLOURS[place], dashed=False, dots=False)]
        parts += [
            _line(left + 220 * place, top + height + 40, left + 26 + 220 * place, top + height + 40, COLOURS[place], 3)
        ]
        parts += [_text(left + 34 + 220 * place, top + height + 44, line, size=12)]
    return parts


def _text(x: float, y: float, text: str, *, size: int, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _path(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool, dots: bool = True) -> str:
    dash = ' stroke-dasharray="6 5"' if dashed else ""
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points if dots)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{marks}'
