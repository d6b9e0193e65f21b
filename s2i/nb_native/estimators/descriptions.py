"""Describes recognised estimators to readers: the method and the model's size."""


def described(estimator, method):
    """Return text such as `KMeans.predict: 2 features, 7 centres`; sizes that an estimator lacks are left out."""
    sizes = [size for size in (_size(estimator, *row) for row in _SIZES) if size]
    return f"{type(estimator).__name__}.{method}" + (": " if sizes else "") + ", ".join(sizes)


# (attribute of a fitted estimator, how to read a size from it, what it counts)
_SIZES = (
    ("n_features_in_", int, "feature"),
    ("classes_", len, "class"),
    ("cluster_centers_", len, "centre"),
    ("n_components_", int, "component"),
    ("n_samples_fit_", int, "row"),
    ("vocabulary_", len, "word"),
    ("categories_", lambda columns: sum(map(len, columns)), "category"),
)
_PLURALS = {"class": "classes", "category": "categories"}


def counted(number, noun):
    """Return text such as `1 tree` or `1,252 nodes`."""
    return f"{number:,} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


def _size(estimator, attribute, read, noun):
    try:
        return counted(read(getattr(estimator, attribute)), noun)
    except (AttributeError, TypeError, ValueError):
        # XGBoost and LightGBM raise for attributes that their estimator lacks; a model with several outputs has lists.
        return None
