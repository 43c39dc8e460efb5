"""Compiled forest: a booster's trees as data for a kernel that LLVM compiles for this processor, bit for bit as XGBoost."""
