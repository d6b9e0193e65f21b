"""Public notebooks that train a model and define no predictor: repositories, commits and paths, but none of their code.

The rule for `_BY_RULE` and `KEPT_APART`: in a repository at a commit, the first notebooks in the order of their paths
whose code cells contain `.fit(` and no `def predictor`. None was tried before it was listed.

- `_BY_RULE`: all such notebooks in the folder ML of codebasics/py except exercises, and the first three of four other
  collections.
- `KEPT_APART`: the first one of each repository named heart-disease-prediction, diabetes-prediction,
  house-price-prediction or titanic-survival-prediction, in the order of their owners' names, as far as they have one,
  and the first two or three of five collections. Nobody looked at these while the code was changed.

`_OTHERS` were taken as they came, from courses, companies, books and Kaggle, and were tried before.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stranger:
    """A notebook of a repository on GitHub at a commit."""

    repository: str
    commit: str
    path: str
    by_rule: bool = False


# A repository, its commit, and paths of notebooks in it.
_Group = tuple[str, str, tuple[str, ...]]

_BY_RULE: tuple[_Group, ...] = (
    (
        "codebasics/py",
        "801ee0ee4d342fd22b89915dc0c4864250a0ec10",
        (
            "ML/10_svm/10_svm.ipynb",
            "ML/11_random_forest/11_random_forest.ipynb",
            "ML/13_kmeans/13_kmeans_tutorial.ipynb",
            "ML/14_naive_bayes/14_naive_bayes_1_titanic_survival_prediction.ipynb",
            "ML/14_naive_bayes/14_naive_bayes_2_email_spam_filter.ipynb",
            "ML/15_gridsearch/15_grid_search.ipynb",
            "ML/16_regularization/L1 and L2 Regularization.ipynb",
            "ML/17_knn_classification/knn_classification_tutorial.ipynb",
            "ML/18_PCA/PCA_tutorial_digits.ipynb",
            "ML/19_Bagging/bagging_diabetes_prediction.ipynb",
            "ML/1_linear_reg/1_linear_regression.ipynb",
            "ML/2_linear_reg_multivariate/2_linear_regression_multivariate.ipynb",
            "ML/4_save_model/4_save_and_load_model_using_pickle.ipynb",
            "ML/5_one_hot_encoding/one_hot_encoding.ipynb",
            "ML/6_train_test_split/train_test_split.ipynb",
            "ML/7_logistic_reg/7_logistic_regression.ipynb",
            "ML/8_logistic_reg_multiclass/8_logistic_regression_multiclass.ipynb",
            "ML/9_decision_tree/9_decision_tree.ipynb",
        ),
    ),
    (
        "jakevdp/PythonDataScienceHandbook",
        "d66231454ef753818dc9213c9b5942e067266966",
        (
            "notebooks/04.03-Errorbars.ipynb",
            "notebooks/05.02-Introducing-Scikit-Learn.ipynb",
            "notebooks/05.03-Hyperparameters-and-Model-Validation.ipynb",
        ),
    ),
    (
        "justmarkham/scikit-learn-videos",
        "8545c74961398def7724501648fd504dbf061b41",
        (
            "04_model_training.ipynb",
            "05_model_evaluation.ipynb",
            "06_linear_regression.ipynb",
        ),
    ),
    (
        "tirthajyoti/Machine-Learning-with-Python",
        "ad23604344b55c759d0ffd24ac4c5695e9f79822",
        (
            "Business_optimization/Self_optimizing_ML_simple_example.ipynb",
            "Classification/DecisionTrees_RandomForest_Classification.ipynb",
            "Classification/KNN_Classification.ipynb",
        ),
    ),
    (
        "dataprofessor/code",
        "d494f8093073990fcf77061bd740a0e4c2d40020",
        (
            "python/CDD_ML_Part_4_Acetylcholinesterase_Regression_Random_Forest.ipynb",
            "python/CDD_ML_Part_5_Acetylcholinesterase_Compare_Regressors.ipynb",
            "python/How_to_build_a_simple_linear_regression_model_in_python.ipynb",
        ),
    ),
)
_OTHERS: tuple[_Group, ...] = (
    (
        "minsuk-heo/kaggle-titanic",
        "96c14e776090f7919d15064ed73e3b2788b4288c",
        ("titanic-solution.ipynb",),
    ),
    (
        "sharmaroshan/Heart-UCI-Dataset",
        "e3e46c8ff6ea0f820a85dcf0e610f942aa6e5604",
        ("Heart_UCI.ipynb",),
    ),
    (
        "krishnaik06/Car-Price-Prediction",
        "f9540e955dbff7b8e55bb6dba308667e2d402d16",
        ("Untitled.ipynb",),
    ),
    (
        "dataprofessor/code",
        "d494f8093073990fcf77061bd740a0e4c2d40020",
        ("python/iris/iris-classification-random-forest.ipynb",),
    ),
    (
        "mGalarnyk/Python_Tutorials",
        "d7b6219343a51caca93ca518716d59d7880bf6cf",
        ("Sklearn/Logistic_Regression/LogisticRegression_toy_digits.ipynb",),
    ),
    (
        "rhiever/Data-Analysis-and-Machine-Learning-Projects",
        "4723494d12ce1152442609a54bb56cfc20b79a1c",
        ("example-data-science-notebook/Example Machine Learning Notebook.ipynb",),
    ),
    (
        "JWarmenhoven/ISLR-python",
        "4100e941914519eea18385daadc9b3dab99ca8e2",
        ("Notebooks/Chapter 3.ipynb",),
    ),
    (
        "itsmuriuki/FIFA-2018-World-cup-predictions",
        "ca64e07de30e897f4207b616c1c415951ea93634",
        ("Predicting Fifa 2018.ipynb",),
    ),
    (
        "g-shreekant/Heart-Disease-Prediction-using-Machine-Learning",
        "0536686855360e96aa1172db72c27e952f3879dd",
        ("Heart_disease_prediction.ipynb",),
    ),
    (
        "campusx-official/100-days-of-machine-learning",
        "a315efd557d2fc96984ded8f7f440af0320e6ae2",
        ("day29-sklearn-pipelines/titanic-using-pipeline.ipynb",),
    ),
    (
        "WillKoehrsen/machine-learning-project-walkthrough",
        "4ba9f5624f9c77fd9a0e2b076bc7b38e8f8803d6",
        ("Machine Learning Project Part 3.ipynb",),
    ),
    (
        "MorvanZhou/PyTorch-Tutorial",
        "dbe154a9e56635e51c6b0c2ccea8ae36cfb585a7",
        ("tutorial-contents-notebooks/302_classification.ipynb",),
    ),
    (
        "lmoroney/dlaicourse",
        "f9bb5f236da306d9f8a7c978ed37292105fd7254",
        ("Course 1 - Part 2 - Lesson 2 - Notebook.ipynb",),
    ),
    (
        "skorch-dev/skorch",
        "5db0ddc962117a2c3a646910ecd2e70253ff8e87",
        ("notebooks/Basic_Usage.ipynb",),
    ),
    (
        "AkmalFazli27/house-prices-prediction",
        "16449fec825d1c92169c4db7ec0914874094e1de",
        ("notebooks/modeling.ipynb",),
    ),
    (
        "LucaGandolfi77/Titanic-Survival-Prediction-ML",
        "8357ad1ec4de43a8416d600a4812eac0f49bd510",
        ("ML_week_04/dataset_student/student_ml_analysis.ipynb",),
    ),
    (
        "PacktPublishing/Hands-On-Gradient-Boosting-with-XGBoost-and-Scikit-learn",
        "414462e53d8dfec02cbfc316a8b5172b83fa769d",
        ("Chapter10/XGBoost_Model_Deployment.ipynb",),
    ),
    (
        "microsoft/LightGBM",
        "bae0b7ba953341a32b2a9c5c5c437a1b976f576f",
        ("examples/python-guide/notebooks/interactive_plot_example.ipynb",),
    ),
    (
        "statsmodels/statsmodels",
        "82c59e378bdfb5ae324006c477954879ad3e24be",
        ("examples/notebooks/glm_formula.ipynb",),
    ),
    (
        "susanli2016/Machine-Learning-with-Python",
        "87cbe5caa5ce6c219ad92bb0c720f06aaf9c8773",
        ("Price Elasticity of Demand.ipynb",),
    ),
    (
        "udacity/deep-learning-v2-pytorch",
        "c9404fc86181fc3f0906b368697268257f348535",
        ("keras/student-admissions-keras/StudentAdmissionsKeras.ipynb",),
    ),
    (
        "alexeygrigorev/mlbookcamp-code",
        "db3a803512b2c2ee51e818f2a9a12223ff2bf356",
        ("chapter-06-trees/06-trees.ipynb",),
    ),
    (
        "tirthajyoti/Machine-Learning-with-Python",
        "ad23604344b55c759d0ffd24ac4c5695e9f79822",
        ("Function Approximation by Neural Network/Polynomial regression - linear and neural network.ipynb",),
    ),
    (
        "SeldonIO/alibi",
        "2b9f206042a4e3163e8dfa20d47c1ca9aed9a1bd",
        ("doc/source/examples/cem_iris.ipynb",),
    ),
    (
        "marcopeix/stock-prediction",
        "b47a3591038f053dc684ad4efb157a99888f76b3",
        ("Stock Prediction.ipynb",),
    ),
    (
        "catboost/tutorials",
        "3ce23b214e3df2171f5eec9e275f525acc697c7b",
        ("classification/multilabel_classification_tutorial.ipynb",),
    ),
    (
        "omartariq22/Heart-Disease-Risk-Prediction",
        "9d9145ee68725a56626b218bcc1af7f82f10f637",
        ("notebooks/02_modelling.ipynb",),
    ),
    (
        "facebook/prophet",
        "181f4479878bea9234973e0fdfd46403657fed34",
        ("notebooks/quick_start.ipynb",),
    ),
    (
        "amrrs/custom-ner-with-spacy",
        "3896f609c84342f55b562acb217ab8cc9c91c11a",
        ("pvr_custom_ner_training.ipynb",),
    ),
    (
        "karpathy/micrograd",
        "c911406e5ace8742e5841a7e0df113ecb5d54685",
        ("demo.ipynb",),
    ),
    (
        "TharinduDenawaka/Heart-Disease-Prediction-System",
        "8d7170f5175813998265c48c8d11ea29d7bfe388",
        ("ML/FP_HEART.ipynb",),
    ),
)
_APART: tuple[_Group, ...] = (
    (
        "adityakumardutta/heart-disease-prediction",
        "9a4e4a0ebf8619f1cabb4cb22b6d1f8320309e6b",
        ("Notebook_Experiments/Model_training.ipynb",),
    ),
    (
        "Anas7823/heart-disease-prediction",
        "8aecdcf699fea300d413553c4bbe8617efa790ae",
        ("notebooks/Python/03_model_training.ipynb",),
    ),
    (
        "bednark/heart-disease-prediction",
        "2e873a1dfcfdbb007fe6414faacb968c47420538",
        ("machine-learning/heart-disease-prediction.ipynb",),
    ),
    (
        "Emart29/Heart-Disease-Prediction",
        "9b80de23e890ad4bb33fdb475286020c8960788e",
        ("model_developmernt.ipynb",),
    ),
    (
        "alchemine/diabetes-prediction",
        "3ab02ae3e4e6c3f670a99f8e27929727c9a6c0ef",
        ("diabetes_prediction/deprecated_notebooks/EDA2.ipynb",),
    ),
    (
        "BamaCharanChhandogi/Diabetes-Prediction",
        "89ee30c62a64248d98703960bcdd684b3932fb9d",
        ("Model using deep learning/Diabetes.ipynb",),
    ),
    (
        "dajalac/diabetes-prediction",
        "ed2e4575572d7a3355f0c57c2ad5950c1509410d",
        ("analysis/diabetes or not.ipynb",),
    ),
    (
        "gperdrizet/diabetes-prediction",
        "4105700098c8b6279602f6b0c331d5463c79c171",
        ("notebooks/01.1-logistic_regression_model.ipynb",),
    ),
    (
        "a-sheeesh/house-price-prediction",
        "4e455db399295f1c106898023dc0f08a8583a7bb",
        ("notebooks/03_Model_Training.ipynb",),
    ),
    (
        "adiab-coder/House-Price-Prediction",
        "cf5feac6f28aa01063410631e7691718c727d2db",
        ("notebooks/house_price_model.ipynb",),
    ),
    (
        "ahmudmuhamad/House-Price-Prediction",
        "a99d1a6cd5e4bd68e014a816d72ef76d8deba855",
        ("notebooks/04_baseline.ipynb",),
    ),
    (
        "andry-iany/house-price-prediction",
        "ed253edc260543caf748a8e6fd0d192eac9eaf50",
        ("backend/notebooks/03_model_training.ipynb",),
    ),
    (
        "004372bssef24-arch/Titanic-Survival-Prediction",
        "ba020291ee9b9417515e07cd2bf7adae05cfb564",
        ("notebooks/03_Model_Training.ipynb",),
    ),
    (
        "a-nadafian/Titanic-Survival-Prediction",
        "6fa832d96f0140bde220ee9f0da5694933add330",
        ("notebooks/04_model_selection_and_tunning.py.ipynb",),
    ),
    (
        "AnnaBilokon/titanic-survival-prediction",
        "7fc02bcfe46d8058fccaff1159e3ecb76d496b82",
        ("notebooks/titanic_project.ipynb",),
    ),
    (
        "Authentrole/titanic-survival-prediction",
        "2e87f40501e16a4e7bd595fd8bdfb52fc80104c6",
        ("titanic survival prediction.ipynb",),
    ),
    (
        "Bansuk/titanic-survival-prediction",
        "f644b303bd5faed3374eb89dd70d418a866e6a77",
        ("src/notebooks/MVP.ipynb",),
    ),
    (
        "ageron/handson-ml2",
        "1e2115277b50f6c584cd668fa30e3af309a5b136",
        (
            "01_the_machine_learning_landscape.ipynb",
            "02_end_to_end_machine_learning_project.ipynb",
            "03_classification.ipynb",
        ),
    ),
    (
        "alexeygrigorev/mlbookcamp-code",
        "db3a803512b2c2ee51e818f2a9a12223ff2bf356",
        (
            "chapter-03-churn-prediction/03-churn.ipynb",
            "chapter-03-churn-prediction/04-metrics.ipynb",
            "chapter-05-deployment/05-deploy.ipynb",
        ),
    ),
    (
        "amueller/introduction_to_ml_with_python",
        "ea60cf6cf791553b6cca7cf31802c68cb3798ebb",
        (
            "01-introduction.ipynb",
            "04-representing-data-feature-engineering.ipynb",
            "05-model-evaluation-and-improvement.ipynb",
        ),
    ),
    (
        "campusx-official/100-days-of-machine-learning",
        "a315efd557d2fc96984ded8f7f440af0320e6ae2",
        (
            "adaboost_demo.ipynb",
            "day24-standardization/day24.ipynb",
        ),
    ),
    (
        "susanli2016/Machine-Learning-with-Python",
        "87cbe5caa5ce6c219ad92bb0c720f06aaf9c8773",
        (
            "A Simple Classification.ipynb",
            "Ad Demand Forecast Avito.ipynb",
        ),
    ),
)


def _strangers(groups: tuple[_Group, ...], *, by_rule: bool) -> tuple[Stranger, ...]:
    return tuple(Stranger(name, commit, path, by_rule) for name, commit, paths in groups for path in paths)


STRANGERS = (*_strangers(_BY_RULE, by_rule=True), *_strangers(_OTHERS, by_rule=False))
KEPT_APART = _strangers(_APART, by_rule=True)
