"""Forty notebooks of ten public repositories, with the smallest cells that make services of them.

Nothing of the repositories is kept here: who runs the bench fetches them. A predictor asks what the notebook itself has
trained or defined; its answers are plain values, so that they can be printed and compared. All that a notebook reads is
in its repository or in a package: one that downloads its data would measure the network.
"""

from dataclasses import dataclass

LEARN = ("numpy", "pandas", "matplotlib", "scikit-learn")
SEABORN = (*LEARN, "seaborn")


@dataclass(frozen=True)
class Public:
    """A notebook of a repository on GitHub, what it needs, and the lines that ask it.

    `settings` and `alone` are what a user would do after a build without them: settings, and a requirements.txt
    next to the notebook in place of one above it, whose versions no Python of today has.
    """

    repository: str
    path: str
    requirements: tuple[str, ...]
    predictor: str
    examples: tuple
    settings: tuple[tuple[str, str], ...] = ()
    alone: bool = False

    @property
    def url(self) -> str:
        """Return where the repository is fetched from."""
        return f"https://github.com/{self.repository}"

    @property
    def cells(self) -> tuple[str, str]:
        """Return the cell to add before the first one, and the one after the last, which prints the answers."""
        first = f"requirements = {[[name, ''] for name in self.requirements]!r}"
        asked = "import json as _json\nprint(_json.dumps([predictor(x) for x in examples]))"
        return first, f"def predictor(x):\n    return {self.predictor}\n\nexamples = {[*self.examples]!r}\n{asked}"

    @property
    def helped(self) -> str:
        """Return what the build was given alongside the cells, "" for nothing."""
        given = [f"{name}={value}" for name, value in self.settings]
        return ", ".join(given + ["a requirements.txt of its own"] * self.alone)


def _notebooks_from(repository: str, *rows: tuple) -> tuple[Public, ...]:
    return tuple(Public(repository, *row) for row in rows)


IRIS = ([3, 5, 4, 2], [5, 4, 3, 2])
# Their metadata name an older one, which their requirements.txt, or a cell as IPython 8 takes it, does not go with.
ON_311 = (("S2I_PYTHON", "3.11"),)
OF_2023 = (("S2I_RESOLVE_AS_OF", "2023-06-30"),)

NOTEBOOKS = (
    *_notebooks_from(
        "justmarkham/scikit-learn-videos",
        ("03_getting_started_with_iris.ipynb", LEARN, "str(iris.target_names[x])", (0, 2)),
        ("04_model_training.ipynb", LEARN, "int(logreg.predict([x])[0])", IRIS),
        ("05_model_evaluation.ipynb", LEARN, "int(knn.predict([x])[0])", IRIS),
        ("06_linear_regression.ipynb", SEABORN, "float(linreg.predict([x])[0])", ([230.1, 37.8], [44.5, 39.3])),
        ("07_cross_validation.ipynb", LEARN, "float(lm.fit(X, y).predict([x])[0])", ([230.1, 37.8], [44.5, 39.3])),
        ("08_grid_search.ipynb", LEARN, "int(rand.predict([x])[0])", IRIS),
        (
            "09_classification_metrics.ipynb",
            LEARN,
            "float(logreg.predict_proba([x])[0][1])",
            ([6, 0, 33.6, 50], [1, 94, 28.1, 21]),
        ),
    ),
    *_notebooks_from(
        "trekhleb/homemade-machine-learning",
        (
            "notebooks/linear_regression/univariate_linear_regression_demo.ipynb",
            (*LEARN, "plotly"),
            "float(linear_regression.predict(np.array([[x]]))[0][0])",
            (0.5, 1.5),
        ),
        (
            "notebooks/linear_regression/non_linear_regression_demo.ipynb",
            LEARN,
            "float(y_predictions[np.abs(x_predictions - x).argmin()][0])",
            (10.0, 50.0),
        ),
        (
            "notebooks/logistic_regression/logistic_regression_with_linear_boundary_demo.ipynb",
            (*LEARN, "scipy"),
            "str(logistic_regression.predict(np.array([x]))[0][0])",
            ([1.4, 0.2], [5.1, 1.8]),
        ),
        (
            "notebooks/k_means/k_means_demo.ipynb",
            LEARN,
            "int(((centroids - np.array(x)) ** 2).sum(axis=1).argmin())",
            ([1.4, 0.2], [5.1, 1.8]),
        ),
    ),
    *_notebooks_from(
        "jakevdp/PythonDataScienceHandbook",
        (
            "notebooks/05.03-Hyperparameters-and-Model-Validation.ipynb",
            SEABORN,
            "float(model.fit(X, y).predict([[x]])[0])",
            (0.1, 0.9),
            OF_2023,
            True,
        ),
        (
            "notebooks/05.04-Feature-Engineering.ipynb",
            LEARN,
            "float(model.predict([x])[0])",
            ([3, 0, 3], [8, 8, 1]),
            (),
            True,
        ),
        (
            "notebooks/05.08-Random-Forests.ipynb",
            (*SEABORN, "ipywidgets"),
            "int(model.predict([x])[0])",
            ([0.0] * 64,),
            OF_2023,
            True,
        ),
        (
            "notebooks/05.11-K-Means.ipynb",
            (*SEABORN, "scipy"),
            "int(kmeans.predict([x])[0])",
            ([0.1, 0.2, 0.3],),
            OF_2023,
            True,
        ),
        (
            "notebooks/05.12-Gaussian-Mixtures.ipynb",
            (*SEABORN, "scipy"),
            "int(gmm.predict(pca.transform([x]))[0])",
            ([0.0] * 64,),
            OF_2023,
            True,
        ),
    ),
    *_notebooks_from(
        "amueller/introduction_to_ml_with_python",
        (
            "01-introduction.ipynb",
            (*LEARN, "scipy", "mglearn", "ipython"),
            "str(iris_dataset['target_names'][knn.predict([x])][0])",
            ([5, 2.9, 1, 0.2],),
        ),
        (
            "05-model-evaluation-and-improvement.ipynb",
            (*LEARN, "scipy", "mglearn", "ipython"),
            "bool(grid.predict([x])[0])",
            ([0.0] * 64,),
        ),
        (
            "06-algorithm-chains-and-pipelines.ipynb",
            (*LEARN, "scipy", "mglearn", "ipython"),
            "int(grid.predict([x])[0])",
            ([0.5] * 30,),
        ),
    ),
    *_notebooks_from(
        "AllenDowney/ThinkBayes2",
        ("notebooks/chap02.ipynb", ("pandas",), "float(table3['posterior'][x])", ("Door 1", "Door 3")),
        (
            "notebooks/chap03.ipynb",
            (*LEARN, "scipy", "empiricaldist"),
            "{str(key): float(value) for key, value in Pmf.from_seq(x).items()}",
            ([1, 2, 2, 6],),
        ),
        (
            "notebooks/chap04.ipynb",
            (*LEARN, "scipy", "empiricaldist"),
            "float(make_binomial(x, 0.5).max_prob())",
            (2, 250),
        ),
    ),
    *_notebooks_from(
        "ageron/handson-ml3",
        ("04_training_linear_models.ipynb", LEARN, "str(softmax_reg.predict([x])[0])", ([5, 2], [1.4, 0.2])),
        (
            "extra_gradient_descent_comparison.ipynb",
            ("numpy", "matplotlib"),
            "float(exact_solution[0][0] + x * exact_solution[1][0])",
            (0.5, 1.5),
            ON_311,
        ),
        ("math_differential_calculus.ipynb", ("numpy", "matplotlib"), "float(f(x, 2.0))", (0.5, 1.5), ON_311),
        (
            "math_linear_algebra.ipynb",
            ("numpy", "matplotlib"),
            "float(LA.det(np.array(x)))",
            ([[1, 2], [3, 4]], [[2, 0], [0, 2]]),
            ON_311,
        ),
        (
            "tools_numpy.ipynb",
            ("numpy", "matplotlib"),
            "[float(each) for each in linalg.solve(coeffs, x)]",
            ([6, -9], [1, 2]),
            ON_311,
        ),
    ),
    *_notebooks_from(
        "rasbt/machine-learning-book",
        (
            "ch03/ch03.ipynb",
            (*LEARN, "setuptools<81"),
            "int(knn.predict([x])[0])",
            ([0.5, 1.0], [-0.5, -1.0]),
            OF_2023,
        ),
    ),
    *_notebooks_from(
        "norvig/pytudes",
        ("ipynb/BASIC.ipynb", (), "[str(token) for token in tokenizer(x)]", ("10 PRINT X", "20 GOTO 10")),
        ("ipynb/Babylonian digits.ipynb", (), "to_base(x)", (36191, 59)),
        ("ipynb/Cheryl.ipynb", (), "know(told(x))", ("18", "15")),
        ("ipynb/ElementSpelling.ipynb", (), "sorted(map(str, spellings(x)))", ("bananas", "yogurt")),
        ("ipynb/How To Count Things.ipynb", ("matplotlib",), "abstract_barcodes(x)", (5, 10)),
        ("ipynb/Life.ipynb", (), "sorted(next_generation({(a, b) for a, b in x}))", ([[1, 0], [1, 1], [1, 2]],)),
        ("ipynb/lispy.ipynb", (), "[str(token) for token in tokenize(x)]", ("(+ 1 2)", "(define x 5)")),
    ),
    *_notebooks_from(
        "wesm/pydata-book",
        ("ch04.ipynb", ("numpy", "matplotlib"), "int((np.abs(walks[0]) >= x).argmax())", (3, 10)),
        ("ch08.ipynb", ("numpy", "pandas", "matplotlib"), "float(data['realgdp'].mean() * x)", (1, 2)),
        (
            "ch10.ipynb",
            ("numpy", "pandas", "matplotlib", "statsmodels"),
            "float(tips[tips['day'] == x]['tip'].mean())",
            ("Sun", "Fri"),
        ),
        (
            "ch12.ipynb",
            (*LEARN, "patsy", "statsmodels"),
            "int(model.fit(X_train, y_train).predict([x])[0])",
            ([3, 0, 22.0], [1, 1, 38.0]),
        ),
    ),
    *_notebooks_from(
        "fastai/numerical-linear-algebra",
        (
            "nbs/gradient-descent-intro.ipynb",
            (*LEARN, "ipywidgets"),
            "float(lin(x, a_guess, b_guess))",
            (0.5, 2.0),
            ON_311,
        ),
    ),
)
