"""Kernel source: the kernel in LLVM's language, for blocks of 8 and 32 rows.

All nodes of a tree are compared, for all rows of a block at once, and leaves are selected without a branch: none is
predicted wrongly. Trees are data (layout.py), so that the code stays in the processor's nearest cache, is the same for
every model, and is made in half a second whatever their number.
"""

from __future__ import annotations

from typing import Final

from rookery.worker.inference.kernel.column_code import gather, left, splits
from rookery.worker.inference.kernel.ir import place, splat, word
from rookery.worker.inference.kernel.layout import MARGIN, SOFTMAX, Header
from rookery.worker.inference.kernel.transform_code import sigmoid, softmax
from rookery.worker.inference.kernel.tree_code import trees

NARROW: Final = 8
WIDE: Final = 32
"""Rows that are answered at once; two narrow blocks take less time than a wide one."""


def source() -> str:
    """Write the kernel in LLVM's language; its entry stands first and takes rows, count, out, mode and program."""
    parts = [_entry(), softmax(), sigmoid()]
    for width in (NARROW, WIDE):
        parts += [_block(width), gather(width), left(width), splits(width), _base(width)]
        parts += [trees(width), _finish(width)]
    return "\n".join(parts)


def _entry() -> str:
    return f"""
define void @forest(ptr %rows, i64 %count, ptr %out, i64 %mode, ptr %program) nounwind {{
entry:{word("columns", Header.COLUMNS)}{word("outputs", Header.OUTPUTS)}
  %each = add i64 %columns.z, %outputs.z
  %floats = mul i64 %each, {WIDE}
  %scratch = alloca float, i64 %floats, align 64
  br label %next
next:
  %first = phi i64 [ 0, %entry ], [ %first.n, %narrow ], [ %first.w, %wide ]
  %left = sub i64 %count, %first
  %many = icmp ugt i64 %left, {2 * NARROW}
  %from = mul i64 %first, %outputs.z
  %to = getelementptr float, ptr %out, i64 %from
  br i1 %many, label %wide, label %narrow
narrow:
  call void @block{NARROW}(ptr %rows, i64 %first, i64 %count, ptr %to, i64 %mode, ptr %program, ptr %scratch)
  %first.n = add i64 %first, {NARROW}
  %more.n = icmp ult i64 %first.n, %count
  br i1 %more.n, label %next, label %done
wide:
  call void @block{WIDE}(ptr %rows, i64 %first, i64 %count, ptr %to, i64 %mode, ptr %program, ptr %scratch)
  %first.w = add i64 %first, {WIDE}
  %more.w = icmp ult i64 %first.w, %count
  br i1 %more.w, label %next, label %done
done:
  ret void
}}"""


def _block(width: int) -> str:
    """Answer up to `width` rows from `first` on."""
    return f"""
define internal void @block{width}(ptr %rows, i64 %first, i64 %count, ptr %to, i64 %mode, ptr %program, ptr %columns) nounwind {{
{word("number", Header.COLUMNS)}
  %margins = getelementptr <{width} x float>, ptr %columns, i64 %number.z
  call void @gather{width}(ptr %rows, i64 %first, i64 %count, ptr %program, ptr %columns)
  call void @left{width}(ptr %program, ptr %columns)
  call void @splits{width}(ptr %program, ptr %columns)
  call void @base{width}(ptr %program, ptr %margins)
  call void @trees{width}(ptr %program, ptr %columns, ptr %margins)
  %left = sub i64 %count, %first
  %few = icmp ult i64 %left, {width}
  %here = select i1 %few, i64 %left, i64 {width}
  call void @finish{width}(ptr %margins, ptr %to, i64 %here, i64 %mode, ptr %program)
  ret void
}}"""


def _base(width: int) -> str:
    """Begin each margin with its base, as XGBoost does: the last bit depends on where a sum begins."""
    return f"""
define internal void @base{width}(ptr %program, ptr %margins) nounwind {{
entry:{word("outputs", Header.OUTPUTS)}{place("bases", Header.BASE_AT)}
  br label %next
next:
  %nth = phi i64 [ 0, %entry ], [ %nth.n, %next ]
  %base.p = getelementptr float, ptr %bases, i64 %nth
  %base = load float, ptr %base.p, align 4{splat("base", "float", width)}
  %margin.p = getelementptr <{width} x float>, ptr %margins, i64 %nth
  store <{width} x float> %base.v, ptr %margin.p, align 32
  %nth.n = add i64 %nth, 1
  %nth.e = icmp eq i64 %nth.n, %outputs.z
  br i1 %nth.e, label %done, label %next
done:
  ret void
}}"""


def _finish(width: int) -> str:
    """Write the margins of a block as rows, and make probabilities of them where those are asked for."""
    return f"""
define internal void @finish{width}(ptr %margins, ptr %out, i64 %rows, i64 %mode, ptr %program) nounwind {{
entry:{word("outputs", Header.OUTPUTS)}
  br label %row
row:
  %at = phi i64 [ 0, %entry ], [ %at.n, %end ]
  %begin = mul i64 %at, %outputs.z
  %into = getelementptr float, ptr %out, i64 %begin
  %from = getelementptr float, ptr %margins, i64 %at
  br label %cell
cell:
  %nth = phi i64 [ 0, %row ], [ %nth.n, %cell ]
  %place = mul i64 %nth, {width}
  %margin.p = getelementptr float, ptr %from, i64 %place
  %margin = load float, ptr %margin.p, align 4
  %cell.p = getelementptr float, ptr %into, i64 %nth
  store float %margin, ptr %cell.p, align 4
  %nth.n = add i64 %nth, 1
  %nth.e = icmp eq i64 %nth.n, %outputs.z
  br i1 %nth.e, label %made, label %cell
made:
  %plain = icmp eq i64 %mode, {MARGIN}
  br i1 %plain, label %end, label %transform
transform:
  %many = icmp eq i64 %mode, {SOFTMAX}
  br i1 %many, label %softmax, label %sigmoid
softmax:
  call void @softmax(ptr %into, i64 %outputs.z, ptr %program)
  br label %end
sigmoid:
  call void @sigmoid(ptr %into, ptr %program)
  br label %end
end:
  %at.n = add i64 %at, 1
  %at.e = icmp eq i64 %at.n, %rows
  br i1 %at.e, label %done, label %row
done:
  ret void
}}"""
