"""The report of ``benchmarks/gpu.py`` as text."""

from collections.abc import Callable, Sequence
from typing import Any

Results = dict[str, Any]


def as_text(report: dict[str, Any]) -> str:
    """Status of all steps, then a section per step that has results."""
    steps = report["steps"]
    title = "shelfnet on a CPU, rehearsed at small sizes" if report["rehearsal"] else "shelfnet on a GPU"
    rows = [[_title(step), step["status"], f"{step['seconds']:.0f} s of {step['cap_s']:.0f}"] for step in steps]
    sections = [f"{title}\n", table(["step", "status", "time"], rows)]
    ceiling = next((step["results"]["ceiling"] for step in steps if "ceiling" in step["results"]), None)
    for step in steps:
        lines = [f"\n## {_title(step)}\n"]
        describe = SECTIONS.get(step["step"])
        if describe is not None and step["results"]:
            lines += describe(step["results"], ceiling)
        if step["results"].get("checks"):
            lines.append(_checks(step["results"]["checks"]))
        lines += [f"warning: {warning}" for warning in step["results"].get("warnings", [])]
        lines += [f"  | {line}" for line in step.get("log", [])]
        sections += lines if len(lines) > 1 else []
    return "\n".join(sections) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns."""
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
    lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in [head, *rows]]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in ruled)


def _title(step: dict[str, Any]) -> str:
    return step["step"] if step["subject"] is None else f"{step['step']}:{step['subject']}"


def _checks(checks: Sequence[dict[str, Any]]) -> str:
    rows = []
    for check in checks:
        numbers = {name: value for name, value in check.items() if name not in ("name", "passed", "seconds")}
        shown = ", ".join(f"{name} {_short(value)}" for name, value in numbers.items())
        rows.append([check["name"], "ok" if check["passed"] else "FAILED", f"{check['seconds']:.1f} s", shown])
    return table(["check", "", "time", "numbers"], rows)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2g}"
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_short(each)}" for name, each in value.items()) + ")"
    return "[" + ", ".join(map(_short, value)) + "]" if isinstance(value, list | tuple) else str(value)


def _machine(results: Results, ceiling: Any) -> list[str]:
    facts = [f"{name}: {_short(value)}" for name, value in results.items() if name not in ("ceiling", "warnings")]
    if ceiling is None:
        return facts
    rates = [f"{name} {ceiling[key] / 1e12:.2f} TFLOP/s" for name, key in RATES]
    return [*facts, f"measured: {', '.join(rates)}, copy {ceiling['copy_bytes'] / 1e9:.0f} GB/s"]


def _iteration_speed(results: Results, ceiling: Any) -> list[str]:
    work = results.get("work", {"flops": 0.0, "unfused_bytes": 0.0})
    rows = []
    for row in results.get("rows", []):
        if "error" in row:
            rows.append([row["path"], *["-"] * 6, row["error"]])
            continue
        achieved = work["flops"] / row["step_s"]
        share = "-" if ceiling is None else f"{100 * achieved / ceiling['bfloat16_flops']:.1f} %"
        numbers = [f"{row[name]:.{digits}f}" for name, digits in SPEED_COLUMNS]
        rows.append([row["path"], *numbers, f"{achieved / 1e12:.3f}", share, ""])
    head = ["path", "it/s", "images/s", "first it., s", "peak MiB", "TFLOP/s", "of bf16", ""]
    phases = ", ".join(f"{name} {1e3 * value:.2f}" for name, value in results.get("phases_s", {}).items())
    return [
        f"batch {results.get('batch_size')}, {work['flops'] / 1e9:.1f} GFLOP and {work['unfused_bytes'] / 1e9:.2f} GB"
        " unfused an iteration",
        f"ms of the eager float32 iteration: {phases}",
        table(head, rows),
    ]


def _kernels(results: Results, _: Any) -> list[str]:
    lines = [f"{results.get('kernel_calls', 0):.0f} kernels, {results.get('kernel_ms', 0.0):.3f} ms an iteration"]
    rows = [[f"{row['ms']:.3f}", f"{row['calls']:.1f}", row["name"][:100]] for row in results.get("kernels", [])]
    lines.append(table(["ms", "calls", "kernel of the captured iteration"], rows))
    rows = [
        [f"{row['ms']:.3f}", f"{row['calls']:.1f}", f"{row['gflop']:.2f}", f"{row['gigabytes']:.3f}", row["name"]]
        for row in results.get("operators", [])
    ]
    return [*lines, table(["ms", "calls", "GFLOP", "GB", "operator of the eager bfloat16 iteration"], rows)]


def _refinement_speed(results: Results, _: Any) -> list[str]:
    names = ["meshes", "faces", "pixels", "steps_per_s", "slowest", "fastest", "peak_mib"]
    rows = [[f"{row[name]:.4g}" for name in names] for row in results.get("rows", [])]
    return [table(names, rows)]


def _training(results: Results, _: Any) -> list[str]:
    lines = [f"{name}: {_short(value)}" for name, value in results.items() if name not in ("curve", "warnings")]
    curve = results.get("curve", [])
    if not curve:
        return lines
    names = list(curve[0])
    return [*lines, table(names, [[_short(point.get(name, "-")) for name in names] for point in curve])]


RATES = (("float32", "float32_flops"), ("bfloat16", "bfloat16_flops"))
SPEED_COLUMNS = (("iterations_per_s", 2), ("images_per_s", 1), ("first_s", 1), ("peak_mib", 0))

SECTIONS: dict[str, Callable[[Results, Any], list[str]]] = {
    "machine": _machine,
    "iteration_speed": _iteration_speed,
    "kernels": _kernels,
    "refinement_speed": _refinement_speed,
    "training": _training,
}
