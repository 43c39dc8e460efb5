"""Kernel: the machine code that answers any forest, made by LLVM for the processor that it runs on."""
