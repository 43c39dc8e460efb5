"""Column code: transposes a block of rows into columns, and resolves missing values and categories before the trees."""

from __future__ import annotations

from rookery.worker.inference.kernel.ir import number, place, splat, word
from rookery.worker.inference.kernel.layout import SPLIT_WORDS, Header


def gather(width: int) -> str:
    """Transpose rows into columns; a block beyond the last row repeats it."""
    return f"""
define internal void @gather{width}(ptr %rows, i64 %first, i64 %count, ptr %program, ptr %columns) nounwind {{
entry:{word("features", Header.FEATURES)}{word("raw", Header.RAW)}{place("list", Header.RAW_AT)}
  %last = sub i64 %count, 1
  br label %each
each:
  %at = phi i64 [ 0, %entry ], [ %at.n, %end ]
  %wanted = add i64 %first, %at
  %beyond = icmp ugt i64 %wanted, %last
  %row = select i1 %beyond, i64 %last, i64 %wanted
  %begin = mul i64 %row, %features.z
  %cells = getelementptr float, ptr %rows, i64 %begin
  %into = getelementptr float, ptr %columns, i64 %at
  br label %cell
cell:
  %nth = phi i64 [ 0, %each ], [ %nth.n, %cell ]
  %feature.p = getelementptr i32, ptr %list, i64 %nth
  %feature = load i32, ptr %feature.p, align 4
  %feature.z = zext i32 %feature to i64
  %value.p = getelementptr float, ptr %cells, i64 %feature.z
  %value = load float, ptr %value.p, align 4
  %place = mul i64 %nth, {width}
  %place.p = getelementptr float, ptr %into, i64 %place
  store float %value, ptr %place.p, align 4
  %nth.n = add i64 %nth, 1
  %nth.e = icmp eq i64 %nth.n, %raw.z
  br i1 %nth.e, label %end, label %cell
end:
  %at.n = add i64 %at, 1
  %at.e = icmp eq i64 %at.n, {width}
  br i1 %at.e, label %done, label %each
done:
  ret void
}}"""


def left(width: int) -> str:
    """Copy columns whose missing values go left, minus infinity in their place: no comparison has to ask for them."""
    return f"""
define internal void @left{width}(ptr %program, ptr %columns) nounwind {{
entry:{word("raw", Header.RAW)}{word("copies", Header.LEFT)}{place("list", Header.LEFT_AT)}
  {number("lowest", Header.MINUS_INFINITY)}{splat("lowest", "float", width)}
  %into = getelementptr <{width} x float>, ptr %columns, i64 %raw.z
  br label %next
next:
  %nth = phi i64 [ 0, %entry ], [ %nth.n, %copy ]
  %nth.e = icmp eq i64 %nth, %copies.z
  br i1 %nth.e, label %done, label %copy
copy:
  %from.p = getelementptr i32, ptr %list, i64 %nth
  %from = load i32, ptr %from.p, align 4
  %from.z = zext i32 %from to i64
  %x.p = getelementptr <{width} x float>, ptr %columns, i64 %from.z
  %x = load <{width} x float>, ptr %x.p, align 32
  %missing = fcmp uno <{width} x float> %x, %x
  %y = select <{width} x i1> %missing, <{width} x float> %lowest.v, <{width} x float> %x
  %y.p = getelementptr <{width} x float>, ptr %into, i64 %nth
  store <{width} x float> %y, ptr %y.p, align 32
  %nth.n = add i64 %nth, 1
  br label %next
done:
  ret void
}}"""


def splits(width: int) -> str:
    """Make a column of each categorical split: minus infinity where it goes left, else 0; its nodes compare with 0.

    As XGBoost does: what is negative, too large or not in the set goes left, a fraction is cut off.
    """
    floats, ints, bools = f"<{width} x float>", f"<{width} x i32>", f"<{width} x i1>"
    fields = "".join(
        f"""
  %{name}.p = getelementptr i32, ptr %split, i64 {nth}
  %{name} = load i32, ptr %{name}.p, align 4"""
        for nth, name in enumerate(("source", "default", "begin", "words"))
    )
    return f"""
declare {ints} @llvm.masked.gather.v{width}i32.v{width}p0(<{width} x ptr>, i32, {bools}, {ints})
define internal void @splits{width}(ptr %program, ptr %columns) nounwind {{
entry:{word("number", Header.COLUMNS)}{word("splits", Header.SPLITS)}{place("list", Header.SPLITS_AT)}{place("sets", Header.SETS_AT)}
  {number("lowest", Header.MINUS_INFINITY)}{splat("lowest", "float", width)}
  {number("most", Header.CATEGORIES)}{splat("most", "float", width)}
  {word("one", Header.BIT)}{splat("one", "i32", width)}
  {word("bits", Header.BITS)}{splat("bits", "i32", width)}
  %before = sub i64 %number.z, %splits.z
  %into = getelementptr {floats}, ptr %columns, i64 %before
  br label %next
next:
  %nth = phi i64 [ 0, %entry ], [ %nth.n, %one.split ]
  %nth.e = icmp eq i64 %nth, %splits.z
  br i1 %nth.e, label %done, label %one.split
one.split:
  %split.at = mul i64 %nth, {SPLIT_WORDS}
  %split = getelementptr i32, ptr %list, i64 %split.at{fields}
  %source.z = zext i32 %source to i64
  %begin.z = zext i32 %begin to i64
  %set = getelementptr i32, ptr %sets, i64 %begin.z
  %x.p = getelementptr {floats}, ptr %columns, i64 %source.z
  %x = load {floats}, ptr %x.p, align 32
  %missing = fcmp uno {floats} %x, %x
  %whole = fcmp oge {floats} %x, zeroinitializer
  %small = fcmp olt {floats} %x, %most.v
  %valid = and {bools} %whole, %small
  %known = select {bools} %valid, {floats} %x, {floats} zeroinitializer
  %category = fptosi {floats} %known to {ints}
  %word = lshr {ints} %category, splat (i32 5)
  %words.i = insertelement {ints} poison, i32 %words, i64 0
  %words.v = shufflevector {ints} %words.i, {ints} poison, {ints} zeroinitializer
  %inside = icmp slt {ints} %word, %words.v
  %held = and {bools} %valid, %inside
  %at = select {bools} %held, {ints} %word, {ints} zeroinitializer
  %set.p = getelementptr i32, ptr %set, {ints} %at
  %found = call {ints} @llvm.masked.gather.v{width}i32.v{width}p0(<{width} x ptr> %set.p, i32 4, {bools} splat (i1 true), {ints} poison)
  %position = and {ints} %category, %bits.v
  %moved = lshr {ints} %found, %position
  %bit = and {ints} %moved, %one.v
  %set.bit = icmp ne {ints} %bit, zeroinitializer
  %right = and {bools} %held, %set.bit
  %default.left = icmp ne i32 %default, 0
  %by.set = select {bools} %right, {floats} zeroinitializer, {floats} %lowest.v
  %by.default = select i1 %default.left, {floats} %lowest.v, {floats} zeroinitializer
  %y = select {bools} %missing, {floats} %by.default, {floats} %by.set
  %y.p = getelementptr {floats}, ptr %into, i64 %nth
  store {floats} %y, ptr %y.p, align 32
  %nth.n = add i64 %nth, 1
  br label %next
done:
  ret void
}}"""
