"""Estimators with the attributes of the libraries' own, and answers by the plainest way to compute them.

For Pythons without the libraries. A class here says that it comes from the package whose class it stands in for.
"""

import json
import re
import unicodedata
from collections import Counter
from types import SimpleNamespace

import numpy as np


def stands_in(package):
    """Return a decorator that makes a class look as one of `package`."""

    def change(kind):
        kind.__module__ = f"{package}.stand_ins"
        return kind

    return change


def softmax(scores):
    """Return shares of rows of scores."""
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


@stands_in("sklearn")
class KMeans:
    """Some centers."""

    def __init__(self, centers):
        """Take the centers, a row each."""
        self.cluster_centers_ = np.array(centers, float)
        self.n_features_in_ = self.cluster_centers_.shape[1]

    def transform(self, rows):
        """Return distances."""
        return np.linalg.norm(rows[:, None] - self.cluster_centers_, axis=2)

    def predict(self, rows):
        """Return the nearest."""
        return self.transform(rows).argmin(axis=1)


class _Linear:
    def __init__(self, coefficients, intercepts, **settings):
        """Take coef_ and intercept_, and further attributes."""
        self.coef_ = np.array(coefficients, float)
        self.intercept_ = np.array(intercepts, float)
        self.n_features_in_ = self.coef_.shape[-1]
        for name, value in settings.items():
            setattr(self, name, value)

    def scores(self, rows):
        """Return products."""
        return rows @ self.coef_.T + self.intercept_


@stands_in("sklearn")
class LinearRegression(_Linear):
    """One number a row."""

    def predict(self, rows):
        """Return products."""
        return self.scores(rows)


@stands_in("sklearn")
class LogisticRegression(_Linear):
    """Classes by scores."""

    def decision_function(self, rows):
        """Return scores, one for two classes."""
        scores = self.scores(rows)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, rows):
        """Return labels."""
        scores = self.scores(rows)
        places = (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, rows):
        """Return shares."""
        scores = self.scores(rows)
        if scores.shape[1] > 1:
            return softmax(scores)
        with np.errstate(over="ignore"):
            high = 1 / (1 + np.exp(-scores))
        return np.hstack([1 - high, high])


@stands_in("sklearn")
class StandardScaler:
    """Centred and scaled."""

    def __init__(self, mean, scale):
        """Take a number a column of each."""
        self.mean_, self.scale_ = np.array(mean, float), np.array(scale, float)
        self.with_mean = self.with_std = True
        self.n_features_in_ = len(mean)

    def transform(self, rows):
        """Return the rows scaled."""
        return (rows - self.mean_) / self.scale_


@stands_in("sklearn")
class OneHotEncoder:
    """A column a category."""

    handle_unknown, sparse_output, drop_idx_, dtype = "ignore", False, None, np.float64

    def __init__(self, categories, **settings):
        """Take categories_ and further attributes."""
        self.categories_ = [np.array(column, object) for column in categories]
        for name, value in settings.items():
            setattr(self, name, value)

    def transform(self, rows):
        """Return 1 where a cell is the category."""
        known = [(column, value) for column, values in enumerate(self.categories_) for value in values]
        return np.array([[float(row[column] == value) for column, value in known] for row in rows])


@stands_in("sklearn")
class Pipeline:
    """Steps one after another."""

    def __init__(self, *steps):
        """Take transformers and the last step."""
        self.steps = [(str(place), step) for place, step in enumerate(steps)]

    def _last(self, method, rows):
        for _, step in self.steps[:-1]:
            rows = step.transform(rows)
        return getattr(self.steps[-1][1], method)(rows)

    def predict(self, rows):
        """Return what the last step does."""
        return self._last("predict", rows)

    def predict_proba(self, rows):
        """Return what the last step does."""
        return self._last("predict_proba", rows)


@stands_in("sklearn")
class ColumnTransformer:
    """Parts of a table, side by side."""

    transformer_weights, sparse_output_ = None, False

    def __init__(self, names, *parts):
        """Take the names of columns, and (transformer, names of its columns) of all parts."""
        self.feature_names_in_ = np.array(names, object)
        self.n_features_in_ = len(names)
        self.transformers_ = [(str(place), part, columns) for place, (part, columns) in enumerate(parts)]
        self._transformer_to_input_indices = {
            str(place): [names.index(column) for column in columns] for place, (_, columns) in enumerate(parts)
        }

    def transform(self, rows):
        """Return what the parts make of lists of cells."""
        parts = []
        for name, part, _ in self.transformers_:
            cells = [[row[place] for place in self._transformer_to_input_indices[name]] for row in rows]
            parts.append(np.array(cells, float) if part == "passthrough" else part.transform(cells))
        return np.hstack(parts)


def random_tree(random, features, depth, leaf):
    """Return {name: list} of a tree whose leaves' values `leaf` makes: -1 stands for a branch that is not there."""
    tree = {"left": [], "right": [], "feature": [], "threshold": [], "missing": [], "value": []}

    def grow(left_over):
        place = len(tree["left"])
        is_leaf = left_over == 0 or random.random() < 0.2
        tree["left"].append(-1)
        tree["right"].append(-1)
        tree["feature"].append(-2 if is_leaf else int(random.integers(0, features)))
        tree["threshold"].append(-2.0 if is_leaf else float(np.round(random.normal(), 1)) + 0.1)
        tree["missing"].append(bool(random.random() < 0.5))
        tree["value"].append(leaf())
        if not is_leaf:
            tree["left"][place] = grow(left_over - 1)
            tree["right"][place] = grow(left_over - 1)
        return place

    grow(depth)
    return tree


def walk(tree, row, below):
    """Return the place of a row's leaf; `below(x, t)` says whether it goes left."""
    place = 0
    while tree["left"][place] != -1:
        x = row[tree["feature"][place]]
        left = tree["missing"][place] if np.isnan(x) else below(x, tree["threshold"][place])
        place = tree["left" if left else "right"][place]
    return place


class _Tree:
    """`tree_` of scikit-learn."""

    def __init__(self, tree):
        self.children_left, self.children_right = np.array(tree["left"]), np.array(tree["right"])
        self.feature, self.threshold = np.array(tree["feature"]), np.array(tree["threshold"])
        self.value = np.array(tree["value"], float)[:, None, :]
        self.node_count = len(self.feature)
        self.nodes = np.array([(missing,) for missing in tree["missing"]], [("missing_go_to_left", np.uint8)])

    def __getstate__(self):
        return {"nodes": self.nodes}


@stands_in("sklearn")
class DecisionTreeRegressor:
    """One tree."""

    def __init__(self, tree, features, takes_missing=True):
        """Take a tree of random_tree."""
        self.parts, self.tree_, self._takes_missing = tree, _Tree(tree), takes_missing
        self.n_features_in_ = features

    def _support_missing_values(self, rows):
        return self._takes_missing

    def leaves(self, rows):
        """Return the values of leaves."""
        single = np.asarray(rows, np.float32)
        places = [walk(self.parts, row, lambda x, threshold: float(x) <= threshold) for row in single]
        return self.tree_.value[places, 0]

    def predict(self, rows):
        """Return the value of the leaf."""
        return self.leaves(rows)[:, 0]


@stands_in("sklearn")
class RandomForestClassifier:
    """Shares of many trees."""

    def __init__(self, trees, classes):
        """Take DecisionTreeRegressors whose leaves are shares."""
        self.estimators_, self.classes_ = trees, np.array(classes)
        self.n_features_in_ = trees[0].n_features_in_

    def predict_proba(self, rows):
        """Return mean shares."""
        total = np.zeros((len(rows), len(self.classes_)))
        for tree in self.estimators_:
            total += tree.leaves(rows)
        return total / len(self.estimators_)

    def predict(self, rows):
        """Return the most probable."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


@stands_in("sklearn")
class HistGradientBoostingRegressor:
    """Sums of trees of doubles."""

    _preprocessor, n_trees_per_iteration_, loss = None, 1, "squared_error"

    def __init__(self, trees, start, features):
        """Take trees of random_tree."""
        self._trees, self._baseline_prediction, self.n_features_in_ = trees, np.array([[start]]), features
        self._loss = SimpleNamespace(link=type("IdentityLink", (), {})())
        kinds = [("is_leaf", "u1"), ("value", "f8"), ("feature_idx", "i8"), ("num_threshold", "f8"), ("left", "u4")]
        kinds += [("right", "u4"), ("missing_go_to_left", "u1"), ("is_categorical", "u1")]
        self._predictors = []
        for tree in trees:
            nodes = np.zeros(len(tree["left"]), kinds)
            nodes["is_leaf"] = np.array(tree["left"]) == -1
            nodes["value"] = np.ravel(tree["value"])
            nodes["feature_idx"], nodes["num_threshold"] = tree["feature"], tree["threshold"]
            nodes["left"], nodes["right"] = np.maximum(tree["left"], 0), np.maximum(tree["right"], 0)
            nodes["missing_go_to_left"] = tree["missing"]
            self._predictors.append([SimpleNamespace(nodes=nodes)])

    def predict(self, rows):
        """Return sums."""
        sums = np.full(len(rows), self._baseline_prediction[0, 0])
        for tree in self._trees:
            places = [walk(tree, row, lambda x, threshold: x <= threshold) for row in rows]
            sums += np.ravel(tree["value"])[places]
        return sums


@stands_in("xgboost")
class Booster:
    """XGBoost's, read from JSON as the library writes it."""

    def __init__(self, trees, groups, objective, base_score, name="gbtree", **tree_keys):
        """Take trees of random_tree, whose groups take turns."""
        self.trees, self.groups, self._objective = trees, groups, objective
        self._base_score, self._name, self._tree_keys = base_score, name, tree_keys
        self.features = 1 + max(max(tree["feature"]) for tree in trees)

    def save_raw(self, raw_format):
        """Return the model."""
        trees = [
            {
                "left_children": tree["left"],
                "right_children": tree["right"],
                "split_indices": [max(feature, 0) for feature in tree["feature"]],
                "split_conditions": self._conditions(tree),
                "default_left": [int(missing) for missing in tree["missing"]],
                "split_type": [0] * len(tree["left"]),
                "tree_param": {"size_leaf_vector": "1"},
                **self._tree_keys,
            }
            for tree in self.trees
        ]
        model = {
            "trees": trees,
            "tree_info": [place % self.groups for place in range(len(trees))],
            "gbtree_model_param": {"num_parallel_tree": "1"},
        }
        learner = {
            "gradient_booster": {"name": self._name, "model": model},
            "learner_model_param": {
                "num_feature": str(self.features),
                "num_class": str(self.groups if self.groups > 1 else 0),
                "base_score": f"[{self._base_score!r}]",
            },
            "objective": {"name": self._objective},
            "attributes": {},
        }
        return bytearray(json.dumps({"learner": learner}), "ascii")

    @staticmethod
    def _conditions(tree):
        values = np.where(np.array(tree["left"]) == -1, np.ravel(tree["value"]), tree["threshold"])
        return values.astype(np.float32).tolist()

    def inplace_predict(self, rows):
        """Return margins, or what multi:softprob makes of them, in single precision."""
        margins = np.full((len(rows), self.groups), np.float32(self._base_score))
        for number, tree in enumerate(self.trees):
            parts = {**tree, "threshold": self._conditions(tree)}
            for place, row in enumerate(np.asarray(rows, np.float32)):
                leaf = walk(parts, row, lambda x, threshold: x < threshold)
                margins[place, number % self.groups] += np.float32(parts["threshold"][leaf])
        if self._objective != "multi:softprob":
            return margins[:, 0]
        return softmax(margins.astype(float))


@stands_in("lightgbm")
class LightgbmBooster:
    """LightGBM's, in the form of dump_model."""

    def __init__(self, tree, features, objective="regression", **model):
        """Take {…} of a tree's JSON."""
        self._tree, self._features, self._objective, self._model = tree, features, objective, model

    def dump_model(self):
        """Return the model."""
        return {
            "max_feature_idx": self._features - 1,
            "num_tree_per_iteration": 1,
            "objective": self._objective,
            "tree_info": [{"tree_structure": self._tree}],
            **self._model,
        }


LightgbmBooster.__name__ = "Booster"


@stands_in("sklearn")
class KNeighborsClassifier:
    """All rows compared, as with algorithm="brute"."""

    effective_metric_, weights, _fit_method, outputs_2d_ = "euclidean", "uniform", "brute", False

    def __init__(self, rows, labels, count):
        """Take the training data."""
        self._fit_X, self.n_neighbors = np.array(rows, float), count
        self.classes_, self._y = np.unique(labels, return_inverse=True)
        self.n_features_in_ = self._fit_X.shape[1]

    def predict(self, rows):
        """Return the most frequent label."""
        distances = ((rows[:, None] - self._fit_X) ** 2).sum(axis=2)
        nearest = self._y[np.argsort(distances, axis=1, kind="stable")[:, : self.n_neighbors]]
        return self.classes_[[np.bincount(row).argmax() for row in nearest]]


@stands_in("sklearn")
class GaussianNB:
    """Normal distributions."""

    def __init__(self, means, variances, priors, classes):
        """Take a row a class."""
        self.theta_, self.var_ = np.array(means, float), np.array(variances, float)
        self.class_prior_, self.classes_ = np.array(priors, float), np.array(classes)
        self.n_features_in_ = self.theta_.shape[1]

    def predict_proba(self, rows):
        """Return shares."""
        spread = np.log(2 * np.pi * self.var_).sum(axis=1)
        squares = ((rows[:, None] - self.theta_) ** 2 / self.var_).sum(axis=2)
        return softmax(np.log(self.class_prior_) - 0.5 * (spread + squares))

    def predict(self, rows):
        """Return the most probable."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


@stands_in("sklearn")
class PCA:
    """Directions, whitened."""

    whiten = True

    def __init__(self, components, mean, variances):
        """Take a row a direction."""
        self.components_, self.mean_ = np.array(components, float), np.array(mean, float)
        self.explained_variance_ = np.array(variances, float)
        self.n_features_in_ = len(mean)

    def transform(self, rows):
        """Return the row along the directions."""
        return (rows - self.mean_) @ self.components_.T / np.sqrt(self.explained_variance_)


@stands_in("sklearn")
class MLPClassifier:
    """Layers with tanh, then softmax."""

    activation, out_activation_ = "tanh", "softmax"

    def __init__(self, layers, classes):
        """Take (weights, intercepts) of all layers."""
        self.coefs_ = [np.array(weights, float) for weights, _ in layers]
        self.intercepts_ = [np.array(intercepts, float) for _, intercepts in layers]
        self.classes_ = np.array(classes)
        self._label_binarizer = SimpleNamespace(y_type_="multiclass")
        self.n_features_in_ = len(self.coefs_[0])

    def predict_proba(self, rows):
        """Return shares."""
        for weights, intercepts in list(zip(self.coefs_, self.intercepts_, strict=True))[:-1]:
            rows = np.tanh(rows @ weights + intercepts)
        return softmax(rows @ self.coefs_[-1] + self.intercepts_[-1])

    def predict(self, rows):
        """Return the most probable."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


@stands_in("sklearn")
class CountVectorizer:
    """Counts of words or n-grams."""

    input, preprocessor, tokenizer, strip_accents, binary, lowercase = "content", None, None, None, False, True
    token_pattern, analyzer, ngram_range, dtype, stop_words = r"(?u)\b\w\w+\b", "word", (1, 1), np.int64, None

    def __init__(self, vocabulary, **settings):
        """Take the terms in the order of their features, and other settings."""
        self.vocabulary_ = {term: place for place, term in enumerate(dict.fromkeys(vocabulary))}
        for name, value in settings.items():
            setattr(self, name, value)

    def get_stop_words(self):
        """Return the words that are left out."""
        return None if self.stop_words is None else frozenset(self.stop_words)

    def terms(self, text):
        """Return all n-grams of a text."""
        text = text.lower() if self.lowercase else text
        if self.strip_accents:
            text = unicodedata.normalize("NFKD", text)
            kept = str.isascii if self.strip_accents == "ascii" else lambda letter: not unicodedata.combining(letter)
            text = "".join(filter(kept, text))
        if self.analyzer == "word":
            words = [word for word in re.findall(self.token_pattern, text) if word not in (self.stop_words or ())]
            return [" ".join(gram) for gram in self._grams(words)]
        text = re.sub(r"\s\s+", " ", text)
        if self.analyzer == "char":
            return ["".join(gram) for gram in self._grams(text)]
        padded = [f" {word} " for word in text.split()]
        short = [word for word in padded if len(word) < self.ngram_range[0]]
        return short + ["".join(gram) for word in padded for gram in self._grams(word)]

    def _grams(self, units):
        least, most = self.ngram_range
        return [units[at : at + n] for n in range(least, most + 1) for at in range(len(units) - n + 1)]

    def transform(self, texts):
        """Return how often each text has each term."""
        rows = np.zeros((len(texts), len(self.vocabulary_)), self.dtype)
        for row, text in zip(rows, texts):
            for term, count in Counter(self.terms(text)).items():
                if term in self.vocabulary_:
                    row[self.vocabulary_[term]] = 1 if self.binary else count
        return rows


@stands_in("sklearn")
class TfidfTransformer:
    """Counts with weights."""

    def __init__(self, weights, norm="l2", *, use_idf=True, sublinear_tf=False):
        """Take idf_ and the settings."""
        self.idf_, self.norm = np.array(weights, float), norm
        self.use_idf, self.sublinear_tf = use_idf, sublinear_tf

    def transform(self, rows):
        """Return the rows with weights, and with a norm of 1."""
        rows = np.array(rows, float)
        if self.sublinear_tf:
            rows[rows > 0] = np.log(rows[rows > 0]) + 1
        if self.use_idf:
            rows *= self.idf_
        for place, row in enumerate(rows):
            # One after the other, in the order of the features.
            total = 0.0
            for number in row:
                total += number * number if self.norm == "l2" else number
            if self.norm and total:
                rows[place] /= np.sqrt(total) if self.norm == "l2" else total
        return rows


@stands_in("sklearn")
class TfidfVectorizer(CountVectorizer):
    """Both in one."""

    dtype = np.float64

    def __init__(self, vocabulary, transformer, **settings):
        """Take the terms in the order of their features, a TfidfTransformer, and other settings."""
        super().__init__(vocabulary, **settings)
        self._tfidf = transformer

    def transform(self, texts):
        """Return the rows with weights."""
        return self._tfidf.transform(super().transform(texts))


@stands_in("sklearn")
class HashingVectorizer:
    """Features without names."""

    def transform(self, texts):
        """Return nothing: it has no native form."""


@stands_in("sklearn")
class MultinomialNB:
    """Sums of logarithms."""

    def __init__(self, logarithms, priors, classes):
        """Take a row a class, and the logarithms of their shares."""
        self.feature_log_prob_, self.class_log_prior_ = np.array(logarithms, float), np.array(priors, float)
        self.classes_ = np.array(classes)

    def predict(self, rows):
        """Return the most probable."""
        return self.classes_[(rows @ self.feature_log_prob_.T + self.class_log_prior_).argmax(axis=1)]
