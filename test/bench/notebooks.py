"""The notebooks that are measured alongside the running example: cells, separated by lines of %%."""

# Its service needs the standard library alone.
PURE = """\
requirements = []
import math
%%
def predictor(x):
    return math.hypot(*x)
%%
examples = [[3.0, 4.0], [0.5, 0.25]]
"""

# Six packages of which the predictor uses each.
SIX = """\
requirements = [
    ["numpy", "2.4.6"], ["scipy", "1.17.1"], ["scikit-learn", "1.9.1"],
    ["pandas", "3.1.1"], ["matplotlib", "3.10.7"], ["lightgbm", "4.7.0"],
]
%%
import io
import matplotlib
matplotlib.use("Agg")
import lightgbm
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
%%
columns = ["a", "b", "c"]
X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 3)), columns=columns)
y = (X["a"] + X["b"] * X["c"] > 0).astype(int)
models = {
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1).fit(X, y),
    "forest": RandomForestClassifier(20, random_state=0).fit(X, y),
    "linear": LogisticRegression().fit(X, y),
}
clusters = KMeans(3, random_state=0, n_init=3).fit(X)
%%
def predictor(x):
    frame = pd.DataFrame([x], columns=columns)
    told = {name: float(model.predict_proba(frame)[0][1]) for name, model in models.items()}
    told["cluster"] = int(clusters.predict(frame)[0])
    told["quantile"] = float(stats.norm.cdf(x[0]))
    told["means"] = pd.read_csv(io.StringIO(frame.to_csv(index=False))).groupby("a").mean().iloc[0].tolist()
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot(x)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    told["png"] = drawn.getvalue().startswith(b"\\x89PNG")
    return told
%%
examples = [[0.1, 0.2, 0.3], [-1.0, 2.0, 0.5]]
"""

# What people write by hand around a notebook: saved once, served by Flask.
SAVE = """
import cloudpickle
with open("model.pickle", "wb") as file:
    cloudpickle.dump(predictor, file)
"""
SERVE = """\
import pickle
import flask
import waitress
with open("model.pickle", "rb") as file:
    predictor = pickle.load(file)
app = flask.Flask(__name__)
@app.post("/predict")
def predict():
    answer = predictor(flask.request.get_json())
    return flask.jsonify(getattr(answer, "tolist", lambda: answer)())
waitress.serve(app, host="0.0.0.0", port=8080)
"""
# One stage, with everything in it that the notebook needs to be run; without caches, to be fair.
NAIVE = """\
FROM {base}
RUN apt-get update && apt-get install -y python3 python3-pip && rm -rf /var/lib/apt/lists/*
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY ca.crt .
RUN pip install jupyter flask waitress cloudpickle
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
RUN jupyter nbconvert --to python model.ipynb && cat save.py >> model.py && python3 model.py
EXPOSE 8080
CMD ["python3", "serve.py"]
"""
