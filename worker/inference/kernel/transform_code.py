"""Transform code: probabilities from the margins of a row, operation by operation as XGBoost makes them."""

from __future__ import annotations

from rookery.worker.inference.kernel.ir import number
from rookery.worker.inference.kernel.layout import Header


def softmax() -> str:
    """XGBoost's own: less the largest, expf of the C library, a sum in double, and a division by its float."""
    return f"""
define internal void @softmax(ptr %row, i64 %outputs, ptr %program) nounwind {{
entry:
  %expf.p = getelementptr i32, ptr %program, i64 {Header.EXPF}
  %expf = load ptr, ptr %expf.p, align 4
  %first = load float, ptr %row, align 4
  br label %largest
largest:
  %i = phi i64 [ 0, %entry ], [ %i.n, %largest ]
  %max = phi float [ %first, %entry ], [ %max.n, %largest ]
  %x.p = getelementptr float, ptr %row, i64 %i
  %x = load float, ptr %x.p, align 4
  %more = fcmp ogt float %x, %max
  %max.n = select i1 %more, float %x, float %max
  %i.n = add i64 %i, 1
  %i.e = icmp eq i64 %i.n, %outputs
  br i1 %i.e, label %exponentials, label %largest
exponentials:
  %j = phi i64 [ 0, %largest ], [ %j.n, %exponentials ]
  %sum = phi double [ 0.0, %largest ], [ %sum.n, %exponentials ]
  %y.p = getelementptr float, ptr %row, i64 %j
  %y = load float, ptr %y.p, align 4
  %less = fsub float %y, %max.n
  %power = call float %expf(float %less)
  store float %power, ptr %y.p, align 4
  %power.d = fpext float %power to double
  %sum.n = fadd double %sum, %power.d
  %j.n = add i64 %j, 1
  %j.e = icmp eq i64 %j.n, %outputs
  br i1 %j.e, label %summed, label %exponentials
summed:
  %whole = fptrunc double %sum.n to float
  br label %divide
divide:
  %k = phi i64 [ 0, %summed ], [ %k.n, %divide ]
  %z.p = getelementptr float, ptr %row, i64 %k
  %z = load float, ptr %z.p, align 4
  %share = fdiv float %z, %whole
  store float %share, ptr %z.p, align 4
  %k.n = add i64 %k, 1
  %k.e = icmp eq i64 %k.n, %outputs
  br i1 %k.e, label %done, label %divide
done:
  ret void
}}"""


def sigmoid() -> str:
    """XGBoost's own: 1 / (expf(min(-x, 88.7)) + 1)."""
    return f"""
define internal void @sigmoid(ptr %cell, ptr %program) nounwind {{
entry:{number("most", Header.LARGEST_EXPONENT)}{number("one", Header.ONE)}
  %expf.p = getelementptr i32, ptr %program, i64 {Header.EXPF}
  %expf = load ptr, ptr %expf.p, align 4
  %x = load float, ptr %cell, align 4
  %minus = fsub float 0.0, %x
  %over = fcmp olt float %most, %minus
  %exponent = select i1 %over, float %most, float %minus
  %power = call float %expf(float %exponent)
  %below = fadd float %power, %one
  %share = fdiv float %one, %below
  store float %share, ptr %cell, align 4
  ret void
}}"""
