"""Print the structure of the code (`python -m tests.architecture`, part of `make check`)."""

from __future__ import annotations

from tests.architecture.structure import circles, import_graph, lines_by_package, modules_by_folder, repeated_names


def report() -> str:
    """Return a report of the structure as text."""
    graph = import_graph()
    found = circles(graph)
    folders = sorted(((len(names), folder) for folder, names in modules_by_folder().items()), reverse=True)
    lines = [
        f"{len(graph)} modules, {sum(map(len, graph.values()))} imports, {len(found)} circles",
        *(f"  circle: {' > '.join(circle)}" for circle in found),
        "largest folders: " + ", ".join(f"{folder} {count}" for count, folder in folders[:5]),
        "lines: " + ", ".join(f"{package} {count}" for package, count in lines_by_package().items()),
        "module names in several folders: "
        + ", ".join(f"{name} {len(places)}" for name, places in repeated_names().items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
