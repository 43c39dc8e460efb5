"""An own model: a classifier of XGBoost as it was trained, adopted, and asked in this process."""

from sklearn.datasets import load_iris
from xgboost import XGBClassifier

import rookery

iris = load_iris(as_frame=True)
known = iris.data.assign(kind=iris.target_names[iris.target])
classifier = XGBClassifier(n_estimators=20).fit(iris.data, iris.target)

card = rookery.adopt(classifier, out="iris.ubj", sample=known, label="kind")
print(card.contract.names, "->", card.contract.labels)

answers = rookery.predict(iris.data, "iris.ubj")
print("accuracy", (answers["kind"] == known["kind"]).mean())
# `rookery up --model iris.ubj` serves it.
