"""A frame: every row is published, predicted by the worker, and read back beside the row that it came from."""

import time

import pandas as pd

import rookery

penguins = pd.read_csv("data/penguins.csv")
answers = rookery.publish_frame(penguins, "projects/rookery-local/topics/readings")
print(answers["reason"].dropna())  # the rows that are no readings, and why

sent = penguins.drop(columns="species").join(answers.dropna(subset="message_id"), how="inner")
back = sent.merge(rookery.read_predictions("station/results/predictions"), on="reading_id")
while len(back) < len(sent):
    time.sleep(0.5)
    back = sent.merge(rookery.read_predictions("station/results/predictions"), on="reading_id")

print(back.groupby(["island", "species"], observed=True).size())
