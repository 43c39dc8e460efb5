"""Tree code: all nodes of a tree are compared, and one leaf a row is selected without a branch."""

from __future__ import annotations

from typing import Final

from rookery.worker.inference.kernel.ir import place, splat
from rookery.worker.inference.kernel.layout import DEPTH, Header, tree_words

_NO_TABLES: Final = '"no-jump-tables"="true"'
"""A table of jumps would be data that the code refers to."""


def trees(width: int) -> str:
    """Walk the runs; each depth has a loop of its own."""
    depths = range(1, DEPTH + 1)
    ends = ", ".join(f"[ %end{depth}, %run{depth} ]" for depth in depths)
    cases = " ".join(f"i32 {depth}, label %run{depth}" for depth in depths)
    return f"""
define internal void @trees{width}(ptr %program, ptr noalias %columns, ptr noalias %margins) nounwind {_NO_TABLES} {{
entry:{place("trees", Header.TREES_AT)}
  br label %next
next:
  %at = phi ptr [ %trees, %entry ], {ends}
  %depth = load i32, ptr %at, align 4
  %count.p = getelementptr i32, ptr %at, i64 1
  %count = load i32, ptr %count.p, align 4
  %begin = getelementptr i32, ptr %at, i64 2
  switch i32 %depth, label %done [ {cases} ]
{"".join(_run(depth, width) for depth in depths)}
done:
  ret void
}}"""


def _run(depth: int, width: int) -> str:
    """Add trees of one depth to their margins, one after the other."""
    vector = f"<{width} x float>"
    lines, leaf = _node(0, depth, width)
    return f"""
run{depth}:
  %tree{depth} = phi ptr [ %begin, %next ], [ %end{depth}, %run{depth} ]
  %left{depth} = phi i32 [ %count, %next ], [ %left{depth}.n, %run{depth} ]
  %output{depth} = load i32, ptr %tree{depth}, align 4
  %output{depth}.z = zext i32 %output{depth} to i64
  %margin{depth}.p = getelementptr {vector}, ptr %margins, i64 %output{depth}.z
{lines}
  %margin{depth} = load {vector}, ptr %margin{depth}.p, align 32
  %sum{depth} = fadd {vector} %margin{depth}, {leaf}
  store {vector} %sum{depth}, ptr %margin{depth}.p, align 32
  %end{depth} = getelementptr i32, ptr %tree{depth}, i64 {tree_words(depth)}
  %left{depth}.n = add i32 %left{depth}, -1
  %last{depth} = icmp eq i32 %left{depth}.n, 0
  br i1 %last{depth}, label %next, label %run{depth}"""


def _node(nth: int, depth: int, width: int) -> tuple[str, str]:
    """Write the selection among the leaves below a node of the heap, and name its result."""
    inner, name, tree = 2**depth - 1, f"d{depth}.{nth}", f"%tree{depth}"
    if nth >= inner:
        return (
            f"""
  %{name}.p = getelementptr float, ptr {tree}, i64 {1 + inner + nth}
  %{name} = load float, ptr %{name}.p, align 4{splat(name, "float", width)}""",
            f"%{name}.v",
        )
    left, to_left = _node(2 * nth + 1, depth, width)
    right, to_right = _node(2 * nth + 2, depth, width)
    vector = f"<{width} x float>"
    return (
        f"""
  %{name}.c.p = getelementptr i32, ptr {tree}, i64 {1 + nth}
  %{name}.c = load i32, ptr %{name}.c.p, align 4
  %{name}.c.z = zext i32 %{name}.c to i64
  %{name}.x.p = getelementptr {vector}, ptr %columns, i64 %{name}.c.z
  %{name}.x = load {vector}, ptr %{name}.x.p, align 32
  %{name}.t.p = getelementptr float, ptr {tree}, i64 {1 + inner + nth}
  %{name}.t = load float, ptr %{name}.t.p, align 4{splat(name + ".t", "float", width)}
  %{name}.l = fcmp olt {vector} %{name}.x, %{name}.t.v{left}{right}
  %{name} = select <{width} x i1> %{name}.l, {vector} {to_left}, {vector} {to_right}""",
        f"%{name}",
    )
