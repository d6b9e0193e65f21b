"""The predictor that is proposed for a notebook, by what it fits and to which data."""

import sys
from pathlib import Path

import pytest
from nb_builder.common.cell import Cell
from nb_builder.fix import predictor_proposal

TABLE = """\
import numpy as np
import pandas as pd
from sklearn import svm
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
df = pd.read_csv("data.csv")
"""
OF_COLUMNS = "pd.DataFrame([x])[columns]"


def proposed(*sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    proposal = predictor_proposal.propose(cells, Path("model.ipynb"), Path(sys.executable))
    return proposal.source if proposal else None


@pytest.mark.parametrize(
    ("code", "answer", "examples"),
    [
        (
            "X = df[['a', 'b']]\nmodel = Ridge()\nmodel.fit(X, df['y'])",
            f"model.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            "model = Ridge().fit(df.drop(columns='y'), df.y)",
            f"model.predict({OF_COLUMNS})[0]",
            "df.drop(columns='y').head(3).to_dict(\"records\")",
        ),
        (
            "X = df.iloc[:, :-1].values\nX_train, X_test = train_test_split(X)\nclf = svm.SVC().fit(X_train, df.y)",
            "clf.predict([x])[0]",
            "X_train[:3].tolist()",
        ),
        (
            "X = df[['a', 'b']]\nscaler = StandardScaler()\nX = scaler.fit_transform(X)\nm = Ridge().fit(X, df['y'])",
            f"m.predict(scaler.transform({OF_COLUMNS}))[0]",
            "df[['a', 'b']].head(3).to_dict(\"records\")",
        ),
        (
            "pipe = Pipeline([('scale', StandardScaler()), ('model', Ridge())])\npipe.fit(df['text'], df['y'])",
            "pipe.predict([x])[0]",
            "df['text'].head(3).tolist()",
        ),
        (
            "X = df.values\ncoder = LabelEncoder()\ny = coder.fit_transform(df.y)\nm = LogisticRegression().fit(X, y)",
            "coder.inverse_transform(m.predict([x]))[0]",
            "X[:3].tolist()",
        ),
        (
            "X = np.ones((9, 2))\nsearch = GridSearchCV(Ridge(), {}).fit(X, X)\nbest = search.best_estimator_\nbest",
            "best.predict([x])[0]",
            "X[:3].tolist()",
        ),
        (
            "rows = [[1], [2]]\none = Ridge().fit(rows, [1, 2])\nother = Ridge().fit(rows, [1, 2])\none.score(rows)",
            "one.predict([x])[0]",
            "rows[:3]",
        ),
        (
            "table = pd.DataFrame(np.ones((9, 2)))\nm = Ridge()\nm.fit(table[[0]], table[1])",
            "m.predict([x])[0]",
            "table[[0]].head(3).values.tolist()",
        ),
        (
            "def load():\n    return df\ndata = load()\nm = Ridge().fit(data.drop('y', axis=1), data['y'])",
            f"m.predict({OF_COLUMNS})[0]",
            "data.drop('y', axis=1).head(3).to_dict(\"records\")",
        ),
        (
            "from sklearn.cluster import KMeans\nkm = KMeans(3)\ndf['cluster'] = km.fit_predict(df[['a', 'b']])",
            f"km.predict({OF_COLUMNS})[0]",
            "df[['a', 'b']].head(3).to_dict(\"records\")",
        ),
        (
            "X = df[['a', 'b']]\nX['c'] = 1\nm = Ridge().fit(X, df.y)\ndf['p'] = m.predict(X)",
            f"m.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            "X = df[['a', 'b']]\nm = Ridge().fit(X, df.y)\nX['p'] = m.predict(X)\ndf['p'] = X['p']",
            f"m.predict({OF_COLUMNS})[0]",
            "df[['a', 'b']].head(3).to_dict(\"records\")",
        ),
        (
            "X = np.c_[df['a'], df['b']]\nm = Ridge().fit(X, df.y)\nm.predict([[1, 2]])",
            "m.predict([x])[0]",
            "X[:3].tolist()",
        ),
        (
            "from sklearn.base import clone\nX = df[['a']]\nfinal = clone(Ridge())\nfinal.fit(X, df.y)",
            f"final.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            "from mine import make_model\nX = df[['a']]\nown = make_model()\nown.fit(X, df.y)\nown.predict(X)",
            f"own.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            "from mine import models\nX = df[['a']]\nbest = models['b']\nbest.fit(X, df.y)\njoblib.dump(best, 'm')",
            f"best.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            "import xgboost as xgb\nX = df[['a']].values\nlast = xgb.train({}, xgb.DMatrix(X, label=df['y']))",
            "last.predict(xgb.DMatrix(np.asarray([x])))[0]",
            "X[:3].tolist()",
        ),
        (
            "import lightgbm as lgb\nX = df[['a']]\nd = lgb.Dataset(X, df['y'])\nlast = lgb.train({}, train_set=d)",
            f"last.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
    ],
)
def test_a_model_is_asked_in_the_form_of_its_data(code, answer, examples):
    source = proposed(TABLE, code)
    assert f"def predictor(x):\n    return {answer}\n" in source
    assert source.endswith(f"\n\n\nexamples = {examples}")
    assert source.startswith("# Proposed by nb-builder")


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (
            (
                "X = df[['a']]\nmodels = {'one': Ridge(), 'other': svm.SVR()}\nfor name, m in models.items():\n"
                "    m.fit(X, df.y)\n    m.score(X, df.y)\nbest = models['other']\nbest.predict(X)"
            ),
            f"best.predict({OF_COLUMNS})[0]",
        ),
        (
            "X = df[['a']]\nmodels = []\nmodels.append(('one', Ridge()))\nfor name, m in models:\n    m.fit(X, df.y)",
            f"m.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "X = df[['a']]\nfitted = {}\nfor name, m in {'one': Ridge()}.items():\n    m.fit(X, df.y)\n"
                "    fitted[name] = {'model': m, 'score': 1}\nbest = fitted['one']['model']\nbest.score(X, df.y)"
            ),
            f"best.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "X = df[['a']]\ndef evaluate(model, rows):\n    model.fit(rows, df.y)\n    return 1\n"
                "forest = Ridge()\nevaluate(forest, X)"
            ),
            f"forest.predict({OF_COLUMNS})[0]",
        ),
        (
            "import statsmodels.formula.api as smf\nformula = 'y ~ a + b'\nm = smf.ols(formula=formula, data=df).fit()",
            f"m.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "m = Ridge().fit(df[['a']], df.y)\ndf.drop(['b', 'c'], axis=1, inplace=True)\n"
                "df.set_index('d', inplace=True)\ndf.sort_values('a', inplace=True)"
            ),
            f"m.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "import xgboost as xgb\nfrom sklearn import feature_extraction\nrows = df.to_dict('records')\n"
                "dv = feature_extraction.DictVectorizer()\nX = dv.fit_transform(rows)\n"
                "d = xgb.DMatrix(X, feature_names=dv.feature_names_)\n"
                "m = xgb.train({}, d)"
            ),
            "m.predict(xgb.DMatrix(dv.transform([x]), feature_names=dv.feature_names_))[0]",
        ),
        (
            (
                "import joblib\nm = Ridge()\nm.fit(df[['a']], df.y)\njoblib.dump(m, 'm.pkl')\n"
                "loaded = joblib.load('m.pkl')\nloaded.predict(df[['a']])"
            ),
            f"loaded.predict({OF_COLUMNS})[0]",
        ),
        (
            "from sklearn.preprocessing import scale\nX = scale(df.values)\nm = Ridge()\nm.fit(X, df.y)",
            "m.predict([x])[0]",
        ),
        (
            "def train(rows):\n    m = Ridge()\n    m.fit(rows, df.y)\n    return m, 1\nX = df[['a']]\nm, s = train(X)",
            f"m.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "X = df[['a']]\nfor depth in range(3):\n    tree = Ridge(depth)\n    tree.fit(X, df.y)\n"
                "last = Ridge()\nlast.fit(X, df.y)\nprint(tree)"
            ),
            f"last.predict({OF_COLUMNS})[0]",
        ),
        (
            (
                "import numpy as np\nfrom skorch import NeuralNetClassifier\nX = np.ones((9, 2))\n"
                "net = NeuralNetClassifier(object)\nnet.fit(X, df.y)"
            ),
            "net.predict(np.asarray([x], 'float32'))[0]",
        ),
    ],
)
def test_a_model_of_a_loop_or_a_function_is_recognised(code, answer):
    assert f"def predictor(x):\n    return {answer}\n" in proposed(TABLE, code)


@pytest.mark.parametrize(
    ("code", "answer", "examples"),
    [
        (
            "from statsmodels.tsa.statespace.sarimax import SARIMAX\nbest = SARIMAX(df.y, (1, 0, 0)).fit(disp=-1)",
            "return [float(value) for value in best.forecast(int(periods))]",
            "[3]",
        ),
        (
            "from statsmodels.tsa.arima_model import ARIMA\nmodel = ARIMA(df.y, (1, 0, 0))\nbest = model.fit()",
            "return [float(value) for value in best.forecast(int(periods))[0]]",
            "[3]",
        ),
        (
            "import statsmodels.api as sm\nols = sm.OLS(df.y, df[['a']])\nfitted = ols.fit()",
            "return fitted.predict(pd.DataFrame([x])[columns])[0]",
            "df[['a']].head(3).to_dict(\"records\")",
        ),
        (
            "from gensim.models import Word2Vec\nvectors = Word2Vec([['a', 'b']])",
            "return [[other, float(nearness)] for other, nearness in vectors.wv.most_similar(word)]",
            'list(getattr(vectors.wv, "index_to_key", None) or vectors.wv.index2word)[:3]',
        ),
        (
            "import spacy\nnlp = spacy.blank('en')\nnlp.update([], [])\ndoc = nlp('Anna lives in Bern.')",
            'return {"entities": entities, "categories": dict(document.cats)}',
            "['Anna lives in Bern.']",
        ),
    ],
)
def test_a_model_that_takes_no_rows_gets_what_it_takes(code, answer, examples):
    source = proposed(TABLE, code)
    assert f"    {answer}\n" in source and source.endswith(f"\nexamples = {examples}")


def test_a_model_whose_data_are_replaced_is_compared_with_its_own_samples():
    split = "X_train, X_test = train_test_split(X)\n"
    code = f"{TABLE}X = df[['a']]\n{split}m = Ridge()\nm.fit(X_train, df.y)\n{split}"
    proposal = predictor_proposal.propose([Cell(code, 1, 1)], Path("model.ipynb"), Path(sys.executable))
    assert "(lambda: X, lambda: m.predict(X))" in proposal.check


@pytest.mark.parametrize(
    ("code", "samples", "ending"),
    [
        (
            "net = Net()\nX = torch.tensor(df.values)\nfor _ in range(9):\n    out = net(X)",
            "X",
            "",
        ),
        (
            "net = Net().to('cpu')\nX = torch.tensor(df.values).to('cpu')\nfor _ in range(9):\n    out = net(X)",
            "X",
            "",
        ),
        (
            (
                "net = nn.Sequential(nn.Linear(2, 3))\nX = torch.FloatTensor(df.values)\n"
                "rows = DataLoader(TensorDataset(X, X), batch_size=2)\nloss = nn.CrossEntropyLoss()\n"
                "def train(model, batches):\n    for number, (a, b) in enumerate(batches):\n        loss(model(a), b)\n"
                "train(net, rows)"
            ),
            "X",
            ".argmax()",
        ),
    ],
)
def test_a_module_of_pytorch_is_called_without_gradients(code, samples, ending):
    imports = "import torch\nfrom torch import nn\nfrom torch.utils.data import DataLoader, TensorDataset\n"
    module = "class Net(nn.Module):\n    pass\n"
    source = proposed(TABLE, imports + module + code)
    assert (
        f"sample_type = {samples}.dtype\n\n\ndef predictor(x):\n    net.eval()\n    with torch.no_grad():\n" in source
    )
    assert f"        return net(torch.as_tensor([x], dtype=sample_type))[0]{ending}.tolist()\n" in source
    assert source.endswith(f"\nexamples = {samples}[:3].tolist()")


@pytest.mark.parametrize(
    ("code", "answer", "examples"),
    [
        (
            "X = scaler.fit_transform(df[['a', 'b']])\norder = [1, 0]\nbest = X[:, order]\nm = Ridge().fit(best, df.y)",
            f"m.predict(scaler.transform({OF_COLUMNS})[:, order])[0]",
            "df[['a', 'b']].head(3).to_dict(\"records\")",
        ),
        (
            (
                "X = df[['a', 'b']]\nX_train, X_test = train_test_split(X)\nX_train = scaler.fit_transform(X_train)"
                "\nX_test = scaler.transform(X_test)\nm = Ridge().fit(X_train, df.y)"
            ),
            f"m.predict(scaler.transform({OF_COLUMNS}))[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            (
                "X_train, X_test = train_test_split(df.drop('y', axis=1))\nX_train = scaler.fit_transform(X_train)"
                "\nm = Ridge()\nm.fit(X_train, df.y)"
            ),
            f"m.predict(scaler.transform({OF_COLUMNS}))[0]",
            "df.drop('y', axis=1).head(3).to_dict(\"records\")",
        ),
        (
            "A = scaler.fit_transform(df[['a', 'b']])\nA = pd.DataFrame(A, columns=['a', 'b'])\nm = Ridge().fit(A, 1)",
            f"m.predict(pd.DataFrame(scaler.transform({OF_COLUMNS}), columns=['a', 'b']))[0]",
            "df[['a', 'b']].head(3).to_dict(\"records\")",
        ),
    ],
)
def test_what_happens_between_the_samples_and_the_model_happens_to_each_sample(code, answer, examples):
    source = proposed(TABLE + "scaler = StandardScaler()\n", code)
    assert f"def predictor(x):\n    return {answer}\n" in source
    assert source.endswith(f"\n\n\nexamples = {examples}")


@pytest.mark.parametrize(
    "code",
    [
        "scaler.fit_transform(df * 100)",
        "scaler.fit(df.tail())",
        "for part in (df, df * 2):\n    scaler.fit_transform(part)",
        "X2 = scaler.fit_transform(df * 100)",
        "order[0] = 1",
    ],
)
def test_a_step_that_changes_after_the_model_was_fitted_is_left_out(code):
    fitted = (
        "scaler = StandardScaler()\norder = [0, 1]\nX = scaler.fit_transform(df)[:, order]\nm = Ridge().fit(X, df.y)"
    )
    assert "m.predict(scaler.transform(" in proposed(TABLE, fitted)
    source = proposed(TABLE, fitted, code)
    # Then a sample is a row of what the model itself was fitted to, as the notebook still has it.
    assert "return m.predict([x])[0]" in source and source.endswith("examples = X[:3].tolist()")
    assert proposed(TABLE, fitted, code, "X = None") is None


def test_what_comes_of_a_vectorizer_is_not_taken_for_samples():
    imports = "from sklearn.feature_extraction.text import TfidfVectorizer\n"
    fitted = "v = TfidfVectorizer()\nX = v.fit_transform(df['text'])\nm = Ridge().fit(X, df.y)"
    assert "m.predict(v.transform([x]))" in proposed(TABLE + imports, fitted)
    assert proposed(TABLE + imports, fitted, "X2 = v.fit_transform(df['other'])") is None


def test_a_model_that_a_loop_fits_again_is_not_proposed():
    assert proposed(TABLE, "m = Ridge().fit(df, df.y)", "for X in (df, df * 2):\n    m.fit(X, df.y)") is None


@pytest.mark.parametrize(
    ("code", "answer", "examples"),
    [
        (
            "import statsmodels.formula.api as smf\nfit = smf.ols('y ~ a + np.log(b) + C(c) + Q(\"d e\")', df).fit()",
            f"fit.predict({OF_COLUMNS})[0]",
            "df[['a', 'b', 'c', 'd e']].head(3).to_dict(\"records\")",
        ),
        (
            "import statsmodels.api as sm\nX = sm.add_constant(df[['a']])\nresult = sm.OLS(df['y'], X).fit()",
            f"result.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            (
                "from catboost import CatBoostClassifier, Pool\nX = df[['a']]\npool = Pool(X, df['y'])\n"
                "m = CatBoostClassifier()\nm.fit(pool)"
            ),
            f"m.predict({OF_COLUMNS})[0]",
            'X.head(3).to_dict("records")',
        ),
        (
            (
                "from keras.models import Sequential\nX = df.values\nnet = Sequential()\nnet.add(softmax)"
                "\nhistory = net.fit(X, df.y)\nhistory.history"
            ),
            "net.predict(np.asarray([x]))[0].argmax()",
            "X[:3].tolist()",
        ),
        (
            "import tensorflow as tf\nX = df.values\nnet = tf.keras.Sequential([])\nnet.fit(x=X, y=df.y)",
            "net.predict(np.asarray([x]))[0].tolist()",
            "X[:3].tolist()",
        ),
    ],
)
def test_models_of_other_libraries_are_asked_in_their_own_way(code, answer, examples):
    source = proposed(TABLE, code)
    assert f"def predictor(x):\n    return {answer}\n" in source
    assert source.endswith(f"\n\n\nexamples = {examples}")


def test_a_forecast_is_compared_with_the_notebook_s_own():
    fit = "from prophet import Prophet\nm = Prophet()\nm.fit(df)\n"
    future = "future = m.make_future_dataframe(periods=9)\npredicted = m.predict(future)"
    checks = []
    for source in (fit + future, fit):
        cells = [Cell(TABLE, 1, 1), Cell(source, 2, 2)]
        checks.append(predictor_proposal.propose(cells, Path("model.ipynb"), Path(sys.executable)).check)
    assert checks[0].endswith('= compare_with_own_forecast(predicted, m.history["ds"].max())')
    assert checks[1] is None
    rows = [(str(day), float(day)) for day in range(5)]
    forecast = Forecast(rows)
    program = checks[0].rpartition("\n\n\n")[0]
    for difference, last in ((0, "1"), (1, "1"), (0, "4")):
        names = {"predictor": lambda n, d=difference: [{"ds": day, "yhat": y + d} for day, y in rows[2 : 2 + n]]}
        exec(program, names)
        if (difference, last) == (0, "1"):
            assert names["compare_with_own_forecast"](forecast, last) == 3
        else:
            with pytest.raises(ValueError, match="The proposed predictor"):
                names["compare_with_own_forecast"](forecast, last)


class Forecast:
    """Stands for the table of days and values that Prophet gives."""

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, chosen):
        if chosen == "ds":
            return self
        return self if chosen == ["ds", "yhat"] else Forecast(chosen)

    def __gt__(self, last):
        return [row for row in self.rows if row[0] > last]

    def head(self, count):
        return Forecast(self.rows[:count])

    def astype(self, kinds):
        return self

    def to_dict(self, kind):
        return [{"ds": day, "yhat": value} for day, value in self.rows]


def test_a_forecast_takes_the_number_of_periods():
    source = proposed(TABLE, "from prophet import Prophet\nm = Prophet()\nm.fit(df)")
    assert "m.make_future_dataframe(periods=int(periods), include_history=False)" in source
    assert source.endswith("examples = [3]")


@pytest.mark.parametrize(
    ("code", "examples"),
    [
        (
            "def predict_price(rooms):\n    return rooms\npredict_price(3)\nprint(predict_price(4), predict_price(3))",
            "3,\n    4",
        ),
        (
            "def predict_price(rooms, area=1):\n    return rooms\npredict_price(3, area=2)",
            "{'rooms': 3, 'area': 2}",
        ),
    ],
)
def test_a_function_that_the_notebook_calls_with_samples_is_the_predictor(code, examples):
    source = proposed(code)
    assert f"predictor = predict_price\n\nexamples = [\n    {examples},\n]" in source
    assert proposed("def predict_price(rooms):\n    return rooms\npredict_price(X)") is None


def test_a_function_that_wraps_the_model_comes_before_the_model():
    fit = "X = df[['a']].values\nm = Ridge()\nm.fit(X, df.y)\n"
    wrapper = "def predict_price(area):\n    price = m.predict([[area]])[0]\n    return f'{price} EUR'\n"
    source = proposed(TABLE, fit + wrapper + "print(predict_price(3))")
    assert "predictor = predict_price\n\nexamples = [\n    3,\n]" in source
    for other in (
        wrapper.replace("m.predict", "len"),
        wrapper.replace("return", "text ="),
    ):
        assert "    return m.predict([x])[0]\n" in proposed(TABLE, fit + other + "print(predict_price(3))")
    assert "    return m.predict([x])[0]\n" in proposed(TABLE, fit + wrapper + "print(predict_price(X[0]))")


def test_a_function_that_gets_the_model_with_the_sample_gets_it_from_predictor():
    code = (
        "def fit_all(rows):\n    return unknown(rows), 1\n"
        "def predict_single(customer, dv, model):\n    return model.predict(dv.transform([customer]))[0]\n"
        "dv, model = fit_all(df)\ncustomer = {'plan': 'old'}\ncustomer = {'plan': 'new'}\n"
        "answer = predict_single(customer, dv, model)"
    )
    source = proposed(TABLE, code)
    assert "def predictor(x):\n    return predict_single(x, dv, model)\n" in source
    assert source.endswith("examples = [\n    {'plan': 'new'},\n]")
    for other in ("customer = unknown()", "customer, x = unknown()"):
        assert proposed(TABLE, code.replace("customer = {'plan': 'new'}", other)) is None


def test_classes_have_names_where_these_are_evident():
    source = proposed(
        "from sklearn.datasets import load_iris\nfrom sklearn.tree import DecisionTreeClassifier as Tree\n"
        "iris = load_iris()\nX, y = iris.data, iris['target']\ntree = Tree()\ntree.fit(X, y)"
    )
    assert "class_names = iris.target_names\n" in source
    assert "return class_names[tree.predict([x])[0]]\n" in source


NETWORK = "from tensorflow import keras\nX = df[['a', 'b']].values\nnet = keras.Sequential()\nnet.fit(X, df.y)\n"
TORCH = (
    "import torch\nX = torch.tensor(df.values)\nnet = torch.nn.Sequential()\nfor _ in range(9):\n    net(X)\n"
    "preds = net(X).argmax(dim=1)\n"
)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (
            f"kinds = ['a', 'b']\n{NETWORK}pred = net.predict(X)\nprint(kinds[np.argmax(pred[0])])",
            "return kinds[int(net.predict(np.asarray([x]))[0].argmax())]",
        ),
        (
            f"kinds = {{0: 'a', 1: 'b'}}\n{NETWORK}best = net.predict(X).argmax(1)\nnumber = best[0]\nkinds[number]",
            "return kinds[int(net.predict(np.asarray([x]))[0].argmax())]",
        ),
        (
            f"kinds = ('a', 'b')\n{TORCH}for pred in preds[:3]:\n    print(kinds[preds[0]])",
            "return kinds[int(net(torch.as_tensor([x], dtype=sample_type))[0].argmax())]",
        ),
        (
            f"kinds = ['a', 'b']\n{NETWORK}print(kinds[0])",
            "return net.predict(np.asarray([x]))[0].tolist()",
        ),
        (
            f"kinds = ['a', 'b']\n{NETWORK}print(kinds[np.argmax(net.predict(X)[0])])\nkinds = None",
            "return net.predict(np.asarray([x]))[0].tolist()",
        ),
        (
            f"kinds = [1, 2]\n{NETWORK}print(kinds[np.argmax(net.predict(X)[0])])",
            "return net.predict(np.asarray([x]))[0].tolist()",
        ),
    ],
)
def test_a_network_s_most_probable_class_has_the_name_that_the_notebook_looks_up(code, answer):
    assert f"    {answer}\n" in proposed(TABLE, code)


@pytest.mark.parametrize(
    "targets",
    [
        "y = scaler.fit_transform(df[['y']])",
        "y = scaler.fit_transform(df['y'].values.reshape(-1, 1)).ravel()",
        "y = df[['y']]\nscaler.fit(y)\ny = scaler.transform(y)",
    ],
)
def test_a_prediction_for_scaled_targets_is_scaled_back(targets):
    split = "X_train, X_test, y_train, y_test = train_test_split(X, y)\n"
    code = f"X = df[['a']]\nscaler = StandardScaler()\n{targets}\n{split}"
    fit = "m = Ridge()\nm.fit(X_train, y_train)\npred = m.predict(X_test)\n"
    back = "scaler.inverse_transform(pred)"
    scaled = f"return scaler.inverse_transform(np.reshape(m.predict({OF_COLUMNS}), (1, -1)))[0][0]\n"
    assert scaled in proposed(TABLE, code + fit + back)
    for other in ("", f"scaler.fit(X)\n{back}"):
        assert f"return m.predict({OF_COLUMNS})[0]\n" in proposed(TABLE, code + fit + other)


@pytest.mark.parametrize("method", ["fit_resample", "fit_sample"])
def test_resampled_rows_have_the_form_of_the_rows_that_they_come_from(method):
    code = f"X = df[['a']]\nfrom imblearn.over_sampling import SMOTE\nX_res, y_res = SMOTE().{method}(X, df.y)\n"
    source = proposed(TABLE, f"{code}m = LogisticRegression().fit(X_res, y_res)")
    assert f"return m.predict({OF_COLUMNS})[0]\n" in source


def test_a_pipeline_that_resamples_is_asked_like_its_model():
    code = (
        "from imblearn.pipeline import make_pipeline\nfrom imblearn.over_sampling import SMOTE\n"
        "X = df[['a']]\nm = make_pipeline(SMOTE(), LogisticRegression())\nm.fit(X, df.y)"
    )
    assert f"return m.predict({OF_COLUMNS})[0]\n" in proposed(TABLE, code)


@pytest.mark.parametrize(
    ("load", "samples"),
    [
        ("import seaborn as sns\nt = sns.load_dataset('tips')", "t[['a']]"),
        ("import plotly.express as px\nt = px.data.iris()", "t[['a']]"),
        ("import statsmodels.api as sm\nt = sm.datasets.get_rdataset('mtcars').data", "t[['a']]"),
        ("import statsmodels.api as sm\nd = sm.datasets.longley.load_pandas()\nt = d.exog", "t[['a']]"),
        ("from vega_datasets import data\nt = data.cars()", "t[['a']]"),
    ],
)
def test_the_data_sets_of_libraries_are_tables(load, samples):
    source = proposed(TABLE, f"{load}\nX = {samples}\nm = Ridge()\nm.fit(X, y=t['b'])")
    assert f"return m.predict({OF_COLUMNS})[0]\n" in source


def test_what_the_notebook_lacks_is_imported_and_its_names_are_left_alone():
    source = proposed(
        "from sklearn.datasets import load_wine\nfrom sklearn.linear_model import Ridge\ncolumns = 1\nexamples = [1]\n"
        "X, y = load_wine(return_X_y=True, as_frame=True)\nmodel = Ridge().fit(X, y)"
    )
    assert "import pandas as pd\n\ncolumns_ = list(X.columns)\n" in source
    assert "pd.DataFrame([x])[columns_]" in source and "examples" not in source


@pytest.mark.parametrize(
    "code",
    [
        "scaler = StandardScaler()\nscaler.fit(df)",
        "for m in [Ridge(), svm.SVR()]:\n    m.fit([[1], [2]], [1, 2])",
        "def data():\n    return unknown()\nX = data()\nm = Ridge()\nm.fit(X, [1])",
        (
            "def train(X):\n    m = Ridge()\n    s = StandardScaler()\n    m.fit(s.fit_transform(X), X)\n    return m\n"
            "m = train(df)"
        ),
        "def train(X):\n    return train(X)\nm = train(df)\nm.fit(df)",
        "def train(X):\n    return train(train(X) or train(X))\nfor X['a'] in [Ridge()]:\n    m = train(df)",
        "for m in [Ridge(), svm.SVR()]:\n    for X in (1, 2):\n        m.fit(X, [1, 2])",
        "import torch\nmodel = torch.nn.Linear(1, 1)\nmodel.fit([[1]], [1])",
        "from sklearn.cluster import DBSCAN\nm = DBSCAN()\nm.fit([[1], [2]])",
        "X = df[['a']]\nm = Ridge()\nm.fit(X, df['y'])\ndel X, df",
        "X = df[['a']]\nm = Ridge()\nm.fit(X, df['y'])\nm = None",
        "m = Ridge()",
        "search = GridSearchCV(Ridge(), {}, refit=False)\nsearch.fit(df, df.y)",
        "X = df.copy()\nm = Ridge().fit(X, df['y'])\nX['p'] = m.predict(X)\ndf['a'] = 1",
        "m = Ridge().fit(df, df['y'])\ndf.drop(columns='a', inplace=True)",
        "X = df[['a']]\nX = StandardScaler().fit_transform(X)\nm = Ridge().fit(X, df['y'])",
    ],
)
def test_nothing_is_proposed_where_nothing_is_recognised(code):
    assert proposed(TABLE, code) is None


def test_what_a_tolerated_cell_fits_may_not_be_there():
    cell = Cell("from sklearn.linear_model import Ridge\nm = Ridge().fit([[1]], [1])", 1, 1, ("raises-exception",))
    assert predictor_proposal.propose([cell], Path("m.ipynb"), Path(sys.executable)) is None
