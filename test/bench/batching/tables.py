"""Predictors on numbers and tables: scikit-learn and statsmodels."""

import collections
import logging
import math
import statistics

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from cases import (
    COLUMNS,
    FLAT_SAMPLES,
    FLATS,
    IS_HIGH,
    LABELS,
    LISTS,
    NUMBERS,
    PRICES,
    RECORDS,
    SPECIES,
    SUMS,
    case,
)

log = logging.getLogger("notebook")

forest = RandomForestClassifier(30, random_state=0).fit(NUMBERS, SPECIES)
bayes = GaussianNB().fit(NUMBERS, SPECIES)
vectors = SVC().fit(NUMBERS, SPECIES)
scaler = StandardScaler().fit(NUMBERS)
logistic = LogisticRegression().fit(scaler.transform(NUMBERS), IS_HIGH)
linear = LinearRegression().fit(NUMBERS, SUMS)
label_encoder = LabelEncoder().fit(LABELS)
tree = DecisionTreeClassifier(max_depth=5, random_state=0).fit(NUMBERS, SPECIES)
prepare = ColumnTransformer(
    [
        ("kind", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ("number", StandardScaler(), ["area", "rooms", "new"]),
    ]
)
boosted_flats = Pipeline(
    [("prepare", prepare), ("model", GradientBoostingRegressor(n_estimators=30, random_state=0))]
).fit(FLATS, PRICES)
large_flats = Pipeline([("prepare", prepare), ("model", LogisticRegression())]).fit(FLATS, FLATS["area"] > 50)
forest_flats = make_pipeline(prepare, RandomForestClassifier(30, random_state=0)).fit(FLATS, FLATS["area"] > 50)


@case("forest.predict([x])[0]", LISTS)
def forest_of_list(x):
    return int(forest.predict([x])[0])


@case("np.array(x).reshape(1, -1), log line, label list", LISTS)
def reshaped(x):
    row = np.array(x).reshape(1, -1)
    log.info("a row of shape %s", row.shape)
    label = LABELS[int(forest.predict(row)[0])]
    return {"label": label, "said": f"this is {label}"}


@case("scaler.transform, predict_proba()[0][1] > threshold", LISTS)
def scaled_threshold(x):
    scaled = scaler.transform(np.array([x]))
    share = logistic.predict_proba(scaled)[0][1]
    return f"yes ({share:.2f})" if share > 0.4 else f"no ({share:.2f})"


@case("pipeline.predict(pd.DataFrame([x]))", FLAT_SAMPLES)
def frame_of_dict(x):
    return round(float(boosted_flats.predict(pd.DataFrame([x]))[0]), 2)


@case("DataFrame([[...]], columns=), predict and predict_proba", FLAT_SAMPLES)
def frame_of_cells(x):
    frame = pd.DataFrame([[x["city"], x["area"], x["rooms"], x["new"]]], columns=["city", "area", "rooms", "new"])
    is_large = large_flats.predict(frame)[0]
    share = large_flats.predict_proba(frame)[0][1]
    return {"label": "large" if is_large else "small", "share": float(share)}


@case("ColumnTransformer + forest on a frame, early return", FLAT_SAMPLES)
def early_return(x):
    if x["rooms"] > 4:
        return "large"
    frame = pd.DataFrame([x], columns=["city", "area", "rooms", "new"])
    return "large" if forest_flats.predict(frame)[0] else "small"


@case("DataFrame({k: [v]}) column by column", RECORDS)
def frame_of_columns(x):
    frame = pd.DataFrame({name: [x[name]] for name in COLUMNS})
    return int(named_forest.predict(frame)[0])


named_forest = RandomForestClassifier(20, random_state=0).fit(pd.DataFrame(NUMBERS, columns=COLUMNS), SPECIES)


@case("DataFrame(x, index=[0])[columns]", RECORDS)
def frame_with_index(x):
    return int(named_forest.predict(pd.DataFrame(x, index=[0])[COLUMNS])[0])


dummies = pd.get_dummies(FLATS[["city", "area", "rooms"]])
dummy_forest = RandomForestClassifier(20, random_state=0).fit(dummies, IS_HIGH)


@case("get_dummies + reindex(columns=), predict", FLAT_SAMPLES)
def dummy_columns(x):
    frame = pd.DataFrame([{name: x[name] for name in ("city", "area", "rooms")}])
    frame = pd.get_dummies(frame).reindex(columns=dummies.columns, fill_value=0)
    return int(dummy_forest.predict(frame)[0])


city_encoders = {"city": LabelEncoder().fit(FLATS["city"])}
encoded_flats = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(
    np.c_[city_encoders["city"].transform(FLATS["city"]), FLATS["area"], FLATS["rooms"]], PRICES
)


@case("a label encoder per column in a loop, then predict", FLAT_SAMPLES)
def encoders_in_loop(x):
    row = dict(x)
    for column in ["city"]:
        row[column] = city_encoders[column].transform([row[column]])[0]
    return float(encoded_flats.predict([[row["city"], row["area"], row["rooms"]]])[0])


@case("encoder.inverse_transform(prediction)[0]", LISTS)
def decoded_label(x):
    prediction = tree.predict(np.array(x).reshape(1, -1))
    return label_encoder.inverse_transform(prediction)[0]


positions = ["-", "-", "rome", "oslo", "lima"]
one_hot_linear = LinearRegression().fit(
    np.c_[FLATS["area"], FLATS["rooms"], FLATS["city"] == "rome", FLATS["city"] == "oslo", FLATS["city"] == "lima"],
    PRICES,
)


@case("np.zeros, one-hot by position, predict([x]), rounding", FLAT_SAMPLES)
def zeros_and_ones(x):
    row = np.zeros(5)
    row[0], row[1] = x["area"], x["rooms"]
    row[positions.index(x["city"])] = 1
    return round(one_hot_linear.predict([row])[0] * 1000, 0)


@case("three models, majority by statistics.mode", LISTS)
def majority(x):
    row = np.array(x).reshape(1, -1)
    votes = [LABELS[forest.predict(row)[0]], LABELS[bayes.predict(row)[0]], LABELS[vectors.predict(row)[0]]]
    return {"votes": votes, "most": statistics.mode(votes)}


models = {"forest": forest, "bayes": bayes, "vectors": vectors}


@case("for name, model in models.items(): votes", LISTS)
def votes_in_loop(x):
    votes = {}
    for name, model in models.items():
        votes[name] = int(model.predict([x])[0])
    return {"votes": votes, "most": collections.Counter(votes.values()).most_common(1)[0][0]}


@case("[model.predict([x])[0] for model in models], mean", LISTS)
def mean_of_models(x):
    return float(np.mean([model.predict([x])[0] for model in models.values()]))


NAMED = [{"model": ["forest", "bayes", "vectors", "none"][i % 4], "inputs": row} for i, row in enumerate(LISTS)]


@case("models[name].predict; an unknown name is an answer", NAMED)
def model_by_name(x):
    if x["model"] not in models:
        return {"error": "there is no such model"}
    return {"prediction": models[x["model"]].predict(np.array(x["inputs"]).reshape(1, -1)).tolist()}


@case("models[name].predict; an unknown name raises KeyError", NAMED)
def model_by_key(x):
    return models[x["model"]].predict([x["inputs"]]).tolist()


@case("try/except around predict, the error as the answer", [row if i % 7 else row[:3] for i, row in enumerate(LISTS)])
def error_as_answer(x):
    try:
        return {"prediction": forest.predict([x]).tolist()}
    except Exception as error:
        return {"error": str(error)}


@case("bare except, a sentence as the answer", [row if i % 9 else "?" for i, row in enumerate(LISTS)])
def bare_except(x):
    try:
        return "Price: " + str(round(linear.predict([x])[0], 2))
    except:  # noqa: E722 - as the notebook has it
        return "incorrect input"


class Service:
    """What the notebook has made a class of."""

    def __init__(self):
        self.model, self.scaler, self.threshold = logistic, scaler, 0.5

    def _clean(self, x):
        return np.array([x])

    def predict(self, x):
        share = self.model.predict_proba(self.scaler.transform(self._clean(x)))[0, 1]
        return bool(share > self.threshold)


service = Service()


@case("own class: service.predict(x) asks self.scaler and self.model", LISTS)
def own_class(x):
    return {"class": service.predict(x)}


class Ensemble:
    """Loops over its models."""

    def __init__(self, models, encoder):
        self.models, self.parts = models, {"encoder": encoder}

    def predict(self, x):
        votes = [model.predict(np.array(x).reshape(1, -1))[0] for model in self.models]
        return self.parts["encoder"].inverse_transform([statistics.mode(votes)])[0]


ensemble = Ensemble([tree, forest, bayes], label_encoder)


@case("own class with a list of models and a dict of parts", LISTS)
def own_ensemble(x):
    return str(ensemble.predict(x))


class Lazy:
    """Makes its model when it is first asked."""

    def __init__(self):
        self.model = None

    def __call__(self, x):
        if self.model is None:
            self.model = GaussianNB().fit(NUMBERS, IS_HIGH)
        return int(self.model.predict([x])[0])


lazy = Lazy()


@case("own callable that makes its model on first use", LISTS)
def made_on_first_use(x):
    return lazy(x)


reduction = PCA(2).fit(scaler.transform(NUMBERS))
clusters = KMeans(4, n_init=1, random_state=0).fit(reduction.transform(scaler.transform(NUMBERS)))


@case("scaler, PCA, KMeans, name of the cluster", LISTS)
def named_cluster(x):
    cluster = int(clusters.predict(reduction.transform(scaler.transform([x])))[0])
    return {0: "loyal", 1: "new", 2: "lost", 3: "rare"}[cluster]


isolation = IsolationForest(n_estimators=30, random_state=0).fit(NUMBERS)


@case("IsolationForest: decision_function and predict", LISTS)
def anomaly(x):
    return {"score": float(-isolation.decision_function([x])[0]), "rare": bool(isolation.predict([x])[0] == -1)}


ordinary = smf.ols("area ~ rooms + C(city)", FLATS).fit()


@case("statsmodels formula: results.predict(frame)", FLAT_SAMPLES)
def formula(x):
    return float(ordinary.predict(pd.DataFrame([{"city": x["city"], "rooms": x["rooms"]}])).iloc[0])


logit = sm.GLM(IS_HIGH, sm.add_constant(NUMBERS), family=sm.families.Binomial()).fit()


@case("statsmodels GLM on [1, *x]", LISTS)
def general_linear(x):
    return float(logit.predict([[1.0, *x]])[0])


@case("with np.errstate around predict_proba", LISTS)
def within_errstate(x):
    with np.errstate(all="ignore"):
        shares = logistic.predict_proba(scaler.transform(np.log(np.array([x]) + 1)))
    return float(shares[0, 1])


def shares_of(model, row):
    """Take the model as a parameter."""
    return model.predict_proba(row)[0] if hasattr(model, "predict_proba") else None


@case("helper(model, row)", LISTS)
def model_as_parameter(x):
    return [round(float(share), 3) for share in shares_of(forest, np.array([x]))]


histogram = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(NUMBERS, SPECIES)


@case(
    "HistGradientBoostingClassifier, with missing values",
    [row if i % 5 else [None, *row[1:]] for i, row in enumerate(LISTS)],
)
def missing_values(x):
    row = np.array([[math.nan if cell is None else cell for cell in x]])
    return histogram.predict_proba(row)[0].tolist()


vector_shares = CalibratedClassifierCV(SVC(), cv=3).fit(NUMBERS, IS_HIGH)


@case("calibrated SVC, predict_proba and decision_function of another", LISTS)
def calibrated_vectors(x):
    return {"share": float(vector_shares.predict_proba([x])[0, 1]), "far": vectors.decision_function([x])[0].tolist()}


regression_vectors = SVR().fit(NUMBERS, SUMS)
minmax = MinMaxScaler().fit(NUMBERS)


@case("SVR behind MinMaxScaler", LISTS)
def scaled_regression(x):
    return float(regression_vectors.predict(minmax.transform([x])).item())


@case("GaussianNB, predict_log_proba, most likely label", LISTS)
def gaussian_bayes(x):
    logs = bayes.predict_log_proba([x])[0]
    return {LABELS[place]: float(value) for place, value in enumerate(logs)}


neighbours = KNeighborsClassifier(5).fit(NUMBERS, SPECIES)
near_flats = KNeighborsRegressor(4).fit(FLATS[["area", "rooms"]].to_numpy(), PRICES)


@case("KNeighborsClassifier.predict and kneighbors", LISTS)
def nearest(x):
    distances, indexes = neighbours.kneighbors([x])
    return {"label": int(neighbours.predict([x])[0]), "near": indexes[0].tolist(), "far": float(distances[0, -1])}


@case("KNeighborsRegressor on two fields", FLAT_SAMPLES)
def near_prices(x):
    return float(near_flats.predict(np.array([[x["area"], x["rooms"]]]))[0])


stack = StackingClassifier(
    [("tree", DecisionTreeClassifier(max_depth=4, random_state=0)), ("bayes", GaussianNB())], LogisticRegression()
).fit(NUMBERS, IS_HIGH)


@case("StackingClassifier.predict_proba", LISTS)
def stacked(x):
    return stack.predict_proba([x])[0].tolist()


vote = VotingClassifier([("linear", LogisticRegression()), ("bayes", GaussianNB())], voting="soft").fit(
    NUMBERS, SPECIES
)


@case("VotingClassifier, label and certainty", LISTS)
def voted(x):
    shares = vote.predict_proba([x])[0]
    return {"label": LABELS[int(shares.argmax())], "certain": round(float(shares.max()), 3)}


perceptron = MLPClassifier((16,), max_iter=100, random_state=0).fit(NUMBERS, SPECIES)


@case("MLPClassifier.predict_proba", LISTS)
def perceptron_shares(x):
    return perceptron.predict_proba([x]).ravel().tolist()


both = MultiOutputRegressor(GradientBoostingRegressor(n_estimators=10, random_state=0)).fit(
    NUMBERS, np.c_[SUMS, NUMBERS[:, 0]]
)


@case("MultiOutputRegressor: a row of two", LISTS)
def two_outputs(x):
    sums, first = both.predict([x])[0]
    return {"sum": float(sums), "first": float(first)}


process = GaussianProcessRegressor(alpha=0.1, random_state=0).fit(NUMBERS[:40], SUMS[:40])


@case("GaussianProcessRegressor, return_std=True", LISTS)
def with_deviation(x):
    mean, deviation = process.predict([x], return_std=True)
    return {"mean": round(float(mean[0]), 4), "deviation": round(float(deviation[0]), 3)}


mixture = GaussianMixture(3, random_state=0).fit(NUMBERS)
discriminant = LinearDiscriminantAnalysis().fit(NUMBERS, SPECIES)


@case("GaussianMixture.score_samples, discriminant.transform", LISTS)
def densities(x):
    return {"score": float(mixture.score_samples([x])[0]), "seen": discriminant.transform([x])[0].tolist()}


outliers = LocalOutlierFactor(novelty=True).fit(NUMBERS)
one_class = OneClassSVM().fit(NUMBERS)


@case("LocalOutlierFactor and OneClassSVM agree", LISTS)
def novelty(x):
    return bool(outliers.predict([x])[0] == -1 and one_class.predict([x])[0] == -1)


target = TransformedTargetRegressor(
    make_pipeline(PolynomialFeatures(2), LinearRegression()), func=np.log1p, inverse_func=np.expm1
).fit(NUMBERS, SUMS)


@case("TransformedTargetRegressor with polynomials", LISTS)
def transformed_target(x):
    return float(target.predict([x])[0])


partial_squares = PLSRegression(2).fit(NUMBERS, SUMS)
isotonic = IsotonicRegression(out_of_bounds="clip").fit(NUMBERS[:, 0], SUMS)


@case("PLSRegression, then IsotonicRegression on a list of one number", LISTS)
def one_number(x):
    return [float(np.ravel(partial_squares.predict([x]))[0]), float(isotonic.predict([x[0]])[0])]


ordinal = make_pipeline(
    ColumnTransformer(
        [("city", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"])],
        remainder=SimpleImputer(),
    ),
    DecisionTreeClassifier(max_depth=4, random_state=0),
).fit(FLATS[["city", "area", "rooms"]], FLATS["area"] > 50)


@case(
    "frame from selected keys, missing numbers, ordinal encoder",
    [{**x, "area": x["area"] if i % 6 else None} for i, x in enumerate(FLAT_SAMPLES)],
)
def imputed(x):
    frame = pd.DataFrame([x])[["city", "area", "rooms"]].astype({"area": float})
    return bool(ordinal.predict(frame)[0])


@case("async def predictor", LISTS)
async def asynchronous(x):
    return int(tree.predict([x])[0])


def _apply(model, x):
    """Leave the decision to a model's leaf."""
    return int(model.apply([x])[0])


@case("tree.apply in a helper, transform of its answer", LISTS)
def leaf(x):
    return {"leaf": _apply(tree, x), "path": int(tree.decision_path([x]).sum())}


@case("Series given to reshape, label looked up in a frame", RECORDS)
def from_series(x):
    row = pd.Series(x)[COLUMNS].to_numpy().reshape(1, -1)
    return looked_up.loc[int(tree.predict(row)[0]), "label"]


looked_up = pd.DataFrame({"label": LABELS})


ANSWERS = [[["yes", "no"][i % 2], *row[1:]] for i, row in enumerate(LISTS)]


@case("an encoder fitted within predictor", ANSWERS)
def encoder_within(x):
    encoder = LabelEncoder()
    encoder.fit(["no", "yes"])
    row = np.array([encoder.transform([x[0]])[0], *x[1:]]).reshape(1, -1)
    return int(logistic.predict(row)[0])


class Normalized:
    """Own class that scales each sample by itself."""

    def __init__(self, model):
        self.model = model

    def predict(self, x):
        local = StandardScaler()
        row = local.fit_transform(np.array(x).reshape(-1, 1)).reshape(1, -1)
        return int(self.model.predict(row)[0])


normalized = Normalized(forest)


@case("own class, a scaler fitted to the sample within", LISTS)
def scaler_within(x):
    return normalized.predict(x)


class Detector:
    """Own class around an isolation forest, with a threshold of its scores."""

    def __init__(self, model, rows):
        self.model = model
        self.threshold = float(np.quantile(model.decision_function(rows), 0.1))

    def is_rare(self, x):
        return bool(self.model.decision_function(np.array([x]))[0] < self.threshold)


detector = Detector(isolation, NUMBERS)


@case("own class around IsolationForest, threshold of its scores", LISTS)
def own_anomaly(x):
    return {"rare": detector.is_rare(x)}


ratings = pd.DataFrame(NUMBERS[:50], index=[f"title {number}" for number in range(50)])
near_ratings = NearestNeighbors(n_neighbors=4).fit(ratings.to_numpy())


@case("a row looked up in a frame, kneighbors, titles", [f"title {number}" for number in range(50)])
def near_titles(title):
    distances, indexes = near_ratings.kneighbors(ratings.loc[title].values.reshape(1, -1))
    return [ratings.index[index] for index in indexes.flatten()]
