"""Edits of at most five lines that a user would make after reading the message."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_LINES = 5


@dataclass(frozen=True)
class Edit:
    """A cell to add at the end, and lines to replace: {(number of the code cell, number of the line): the new line}."""

    added: str = ""
    replaced: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Return the number of lines that are new."""
        return len(self.added.splitlines()) + len(self.replaced)


# By repository and path.
EDITS = {
    # The class is the notebook's own, and 100 steps in pure Python take minutes.
    ("karpathy/micrograd", "demo.ipynb"): Edit(
        'requirements = [["matplotlib", ""], ["numpy", ""], ["scikit-learn", ""]]\n'
        "def predictor(x):\n    return model(list(map(Value, x))).data\npredictor([0.5, -0.5])",
        {(7, 2): "for k in range(10):"},
    ),
    # Searches that take more than six minutes.
    ("AkmalFazli27/house-prices-prediction", "notebooks/modeling.ipynb"): Edit(
        replaced={
            (22, 1): "rfr_cv = GridSearchCV(RFR, {}, cv=2)",
            (28, 1): "XGB_cv = GridSearchCV(XGB, {}, cv=2)",
            (38, 1): "GBR_cv = GridSearchCV(GBR, {}, cv=2)",
            (43, 1): "lgbm_cv = GridSearchCV(lgbm_regressor, {}, cv=2)",
            (52, 1): "cat_cv = GridSearchCV(catboost, {}, cv=2)",
        }
    ),
    # Two searches that take more than six minutes.
    ("LucaGandolfi77/Titanic-Survival-Prediction-ML", "ML_week_04/dataset_student/student_ml_analysis.ipynb"): Edit(
        replaced={
            (11, 9): "    'n_estimators': [50],",
            (11, 10): "    'max_depth': [5],",
            (11, 11): "    'min_samples_split': [2]",
            (11, 34): "    'n_estimators': [50],",
            (11, 41): "    gb_params, n_iter=2, cv=cv, scoring='accuracy',",
        }
    ),
    # A search of 625 models.
    ("marcopeix/stock-prediction", "Stock Prediction.ipynb"): Edit(
        replaced={
            (23, 2): "ps = range(0, 2)",
            (23, 4): "qs = range(0, 2)",
            (23, 5): "Ps = range(0, 1)",
            (23, 7): "Qs = range(0, 1)",
        }
    ),
    # pandas 0.23 has no Series.reshape any more.
    (
        "tirthajyoti/Machine-Learning-with-Python",
        "Function Approximation by Neural Network/Polynomial regression - linear and neural network.ipynb",
    ): Edit(
        replaced={
            (24, 3): "X_train=X_train.values.reshape(X_train.size,1)",
            (24, 4): "y_train=y_train.values.reshape(y_train.size,1)",
            (24, 5): "X_test=X_test.values.reshape(X_test.size,1)",
            (24, 6): "y_test=y_test.values.reshape(y_test.size,1)",
        }
    ),
}
if any(edit.lines > MAX_LINES for edit in EDITS.values()):
    raise ValueError(f"an edit has more than {MAX_LINES} lines")
