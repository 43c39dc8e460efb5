"""LLVM's language: the few lines that every part of the kernel repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.worker.inference.kernel.layout import Header


def word(name: str, field: Header) -> str:
    """Load a word of the header, as `name` in 32 bits and `name.z` in 64."""
    return f"""
  %{name}.p = getelementptr i32, ptr %program, i64 {field}
  %{name} = load i32, ptr %{name}.p, align 4
  %{name}.z = zext i32 %{name} to i64"""


def place(name: str, field: Header) -> str:
    """Make a pointer of a place that the header names."""
    return f"""{word(name + ".w", field)}
  %{name} = getelementptr i32, ptr %program, i64 %{name}.w.z"""


def number(name: str, field: Header) -> str:
    """Load a float of the header."""
    return f"""
  %{name}.p = getelementptr i32, ptr %program, i64 {field}
  %{name} = load float, ptr %{name}.p, align 4"""


def splat(name: str, kind: str, width: int) -> str:
    """Broadcast a number to a vector, as `name.v`."""
    return f"""
  %{name}.i = insertelement <{width} x {kind}> poison, {kind} %{name}, i64 0
  %{name}.v = shufflevector <{width} x {kind}> %{name}.i, <{width} x {kind}> poison, <{width} x i32> zeroinitializer"""
