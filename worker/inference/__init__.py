"""Inference: from encoded rows to probabilities, by an XGBoost booster held in memory."""
