"""Public notebooks that train a model and define no predictor: repositories, commits and paths, and none of their code.

Those with `by_rule` were chosen before any was tried: all notebooks in folder ML of codebasics/py that fit a model.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stranger:
    """A notebook of a repository on GitHub at a commit."""

    repository: str
    commit: str
    path: str
    by_rule: bool = False


_CODEBASICS = "801ee0ee4d342fd22b89915dc0c4864250a0ec10"
_BY_RULE = (
    "10_svm/10_svm.ipynb",
    "11_random_forest/11_random_forest.ipynb",
    "13_kmeans/13_kmeans_tutorial.ipynb",
    "14_naive_bayes/14_naive_bayes_1_titanic_survival_prediction.ipynb",
    "14_naive_bayes/14_naive_bayes_2_email_spam_filter.ipynb",
    "15_gridsearch/15_grid_search.ipynb",
    "16_regularization/L1 and L2 Regularization.ipynb",
    "17_knn_classification/knn_classification_tutorial.ipynb",
    "18_PCA/PCA_tutorial_digits.ipynb",
    "19_Bagging/bagging_diabetes_prediction.ipynb",
    "1_linear_reg/1_linear_regression.ipynb",
    "2_linear_reg_multivariate/2_linear_regression_multivariate.ipynb",
    "4_save_model/4_save_and_load_model_using_pickle.ipynb",
    "5_one_hot_encoding/one_hot_encoding.ipynb",
    "6_train_test_split/train_test_split.ipynb",
    "7_logistic_reg/7_logistic_regression.ipynb",
    "8_logistic_reg_multiclass/8_logistic_regression_multiclass.ipynb",
    "9_decision_tree/9_decision_tree.ipynb",
)
_OTHERS = (
    ("minsuk-heo/kaggle-titanic", "96c14e776090f7919d15064ed73e3b2788b4288c", "titanic-solution.ipynb"),
    ("sharmaroshan/Heart-UCI-Dataset", "e3e46c8ff6ea0f820a85dcf0e610f942aa6e5604", "Heart_UCI.ipynb"),
    ("krishnaik06/Car-Price-Prediction", "f9540e955dbff7b8e55bb6dba308667e2d402d16", "Untitled.ipynb"),
    (
        "dataprofessor/code",
        "d494f8093073990fcf77061bd740a0e4c2d40020",
        "python/iris/iris-classification-random-forest.ipynb",
    ),
    (
        "mGalarnyk/Python_Tutorials",
        "d7b6219343a51caca93ca518716d59d7880bf6cf",
        "Sklearn/Logistic_Regression/LogisticRegression_toy_digits.ipynb",
    ),
    (
        "rhiever/Data-Analysis-and-Machine-Learning-Projects",
        "4723494d12ce1152442609a54bb56cfc20b79a1c",
        "example-data-science-notebook/Example Machine Learning Notebook.ipynb",
    ),
    ("JWarmenhoven/ISLR-python", "4100e941914519eea18385daadc9b3dab99ca8e2", "Notebooks/Chapter 3.ipynb"),
    (
        "itsmuriuki/FIFA-2018-World-cup-predictions",
        "ca64e07de30e897f4207b616c1c415951ea93634",
        "Predicting Fifa 2018.ipynb",
    ),
    (
        "g-shreekant/Heart-Disease-Prediction-using-Machine-Learning",
        "0536686855360e96aa1172db72c27e952f3879dd",
        "Heart_disease_prediction.ipynb",
    ),
    (
        "campusx-official/100-days-of-machine-learning",
        "a315efd557d2fc96984ded8f7f440af0320e6ae2",
        "day29-sklearn-pipelines/titanic-using-pipeline.ipynb",
    ),
)
STRANGERS = (
    *(Stranger("codebasics/py", _CODEBASICS, f"ML/{path}", by_rule=True) for path in _BY_RULE),
    *(Stranger(*each) for each in _OTHERS),
)
