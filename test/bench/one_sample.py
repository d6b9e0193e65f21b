"""Notebooks with a predictor of one sample, as people write it: cells, separated by lines of %%.

HAND is for each a batch_predictor that a careful author would write: the measure of what a derived one leaves.
"""

# One list for all, the running example's and more: the other servers need one environment then.
REQUIREMENTS = """\
requirements = [
    ["numpy", "2.2.6"], ["scipy", "1.15.3"], ["scikit-learn", "1.7.2"],
    ["pandas", "2.3.3"], ["xgboost-cpu", "3.0.5"], ["lightgbm", "4.6.0"],
]
%%
"""

TEXT = """\
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
%%
words = "good bad fine poor great awful nice sad ship slow fast late broken love hate price".split()
draw = np.random.default_rng(7)
texts = [" ".join(draw.choice(words, 12)) for _ in range(2000)]
moods = ["pos" if "good" in text or "love" in text else "neg" for text in texts]
vectorizer = TfidfVectorizer().fit(texts)
model = LogisticRegression().fit(vectorizer.transform(texts), moods)
%%
def predictor(x):
    shares = model.predict_proba(vectorizer.transform([x["text"].lower()]))[0]
    best = int(np.argmax(shares))
    return {"label": str(model.classes_[best]), "share": round(float(shares[best]), 4)}
%%
examples = [{"text": text} for text in texts[:8]]
"""
TEXT_HAND = """\
def batch_predictor(xs):
    shares = model.predict_proba(vectorizer.transform([x["text"].lower() for x in xs]))
    best = shares.argmax(axis=1)
    return [
        {"label": str(model.classes_[place]), "share": round(float(row[place]), 4)} for row, place in zip(shares, best)
    ]
"""

TABLE = """\
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
%%
draw = np.random.default_rng(7)
flats = pd.DataFrame({
    "city": draw.choice(["rome", "oslo", "lima"], 1000),
    "area": draw.random(1000) * 100,
    "rooms": draw.integers(1, 6, 1000),
})
prepare = ColumnTransformer([
    ("kind", OneHotEncoder(handle_unknown="ignore"), ["city"]),
    ("number", StandardScaler(), ["area", "rooms"]),
])
model = make_pipeline(prepare, RandomForestClassifier(50, random_state=7)).fit(flats, flats["area"] > 50)
%%
def predictor(x):
    return bool(model.predict(pd.DataFrame([x]))[0])
%%
examples = flats[:8].to_dict("records")
"""
TABLE_HAND = """\
def batch_predictor(xs):
    return model.predict(pd.DataFrame(xs)).tolist()
"""

NUMBERS = """\
draw = np.random.default_rng(7)
numbers = draw.random((1000, 8))
species = (numbers[:, :3].sum(axis=1) * 2).astype(int).clip(1, 3) - 1
"""
XGBOOST = f"""\
import numpy as np
from xgboost import XGBClassifier
%%
{NUMBERS}model = XGBClassifier(n_estimators=50, n_jobs=1).fit(numbers, species)
%%
def predictor(x):
    return model.predict_proba(np.array(x).reshape(1, -1))[0].tolist()
%%
examples = numbers[:8].tolist()
"""
LIGHTGBM = f"""\
import numpy as np
from lightgbm import LGBMClassifier
%%
{NUMBERS}model = LGBMClassifier(n_estimators=50, n_jobs=1, verbose=-1).fit(numbers, species)
%%
def predictor(x):
    return model.predict_proba([x])[0].tolist()
%%
examples = numbers[:8].tolist()
"""
SHARES_HAND = """\
def batch_predictor(xs):
    return model.predict_proba(np.array(xs)).tolist()
"""

COUNTED = f"""\
import numpy as np
from sklearn.linear_model import LogisticRegression
%%
{NUMBERS}model = LogisticRegression(max_iter=500).fit(numbers, species)
asked = {{"samples": 0}}
%%
def predictor(x):
    asked["samples"] += 1
    return int(model.predict([x])[0])
%%
examples = numbers[:8].tolist()
"""
COUNTED_HAND = """\
def batch_predictor(xs):
    return model.predict(xs).tolist()
"""
EIGHT = "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]"

IRIS = """\
import numpy as np
from sklearn.datasets import load_iris
from xgboost import XGBClassifier
%%
flowers = load_iris()
model = XGBClassifier(n_estimators=100, max_depth=3, n_jobs=1).fit(flowers.data, flowers.target)
%%
def predictor(x):
    return model.predict_proba([x])[0].tolist()
%%
examples = flowers.data[:8].tolist()
"""
