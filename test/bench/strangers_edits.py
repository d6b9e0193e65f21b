"""Edits of at most five lines that a user would make after reading the message: {(repository, path): a last cell}."""

EDITS = {
    ("codebasics/py", "ML/19_Bagging/bagging_diabetes_prediction.ipynb"): (
        "bag_model.fit(X_train, y_train)\nbag_model.predict(X_test)"
    ),
    ("karpathy/micrograd", "demo.ipynb"): (
        "def predict(x):\n    return model(list(map(Value, x))).data\npredict([0.5, -0.5])"
    ),
}
