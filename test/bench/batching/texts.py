"""Predictors of texts: scikit-learn's vectorizers and neighbours, and spaCy."""

import re

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics.pairwise import cosine_similarity, linear_kernel
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC

from cases import MOODS, TEXT_SAMPLES, TEXTS, case, text_pipeline

vectorizer = TfidfVectorizer().fit(TEXTS)
matrix = vectorizer.transform(TEXTS)
moods = MultinomialNB().fit(matrix, MOODS)
dense_moods = MultinomialNB().fit(matrix.toarray(), MOODS)
logistic = LogisticRegression().fit(matrix, MOODS)
text_model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()).fit(TEXTS, MOODS)
near = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(matrix)
language = text_pipeline()


@case("vectorizer.transform([text]), model.predict", TEXT_SAMPLES)
def sparse_text(text):
    vector = vectorizer.transform([text.lower()])
    return str(moods.predict(vector)[0])


@case("vectorizer.transform([text]).toarray(), predict", TEXT_SAMPLES)
def dense_text(text):
    vector = vectorizer.transform([text]).toarray()
    return "spam" if dense_moods.predict(vector)[0] == "neg" else "no spam"


def tidied(text):
    """Lower case, letters only, no stop words."""
    words = re.sub("[^a-z ]", " ", text.lower()).split()
    return " ".join(word for word in words if word not in {"the", "ship"})


@case("clean-up helper, pipeline.predict_proba([text])[0]", [{"text": text} for text in TEXT_SAMPLES])
def text_pipeline_shares(x):
    shares = text_model.predict_proba([tidied(x["text"])])[0]
    place = int(np.argmax(shares))
    return {"label": str(text_model.classes_[place]), "share": float(shares[place])}


def told(text, model, vectors):
    """Take both models as parameters."""
    vector = vectors.transform([text])
    return model.predict(vector)[0], model.predict_proba(vector)[0].max()


@case("helper(text, model, vectorizer)", TEXT_SAMPLES)
def text_helper(text):
    label, share = told(text, moods, vectorizer)
    return {"label": str(label), "share": round(float(share), 4)}


@case("kneighbors, titles by index", TEXT_SAMPLES)
def similar_titles(text):
    distances, indexes = near.kneighbors(vectorizer.transform([text]), n_neighbors=3)
    return [
        {"title": TEXTS[index], "far": round(float(distance), 4)}
        for distance, index in zip(distances.flatten(), indexes.flatten(), strict=True)
    ]


@case("cosine_similarity(query, matrix), the best", TEXT_SAMPLES)
def best_match(text):
    scores = cosine_similarity(vectorizer.transform([text]), matrix)[0]
    return {"title": TEXTS[int(scores.argmax())], "score": float(scores.max())}


@case("linear_kernel, the three best by sorted()", TEXT_SAMPLES)
def best_matches(text):
    scores = linear_kernel(vectorizer.transform([text]), matrix).ravel()
    return sorted(scores.round(6).tolist(), reverse=True)[:3]


topics = TruncatedSVD(5, random_state=0).fit(matrix)
on_topics = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(topics.transform(matrix), MOODS)


@case("vectorizer, TruncatedSVD, boosted trees", TEXT_SAMPLES)
def topical(text):
    return str(on_topics.predict(topics.transform(vectorizer.transform([text])))[0])


hashed = make_pipeline(HashingVectorizer(n_features=256), SGDClassifier(random_state=0)).fit(TEXTS, MOODS)
united = make_pipeline(
    FeatureUnion([("words", CountVectorizer()), ("letters", TfidfVectorizer(analyzer="char", ngram_range=(2, 3)))]),
    LinearSVC(),
).fit(TEXTS, MOODS)


@case("HashingVectorizer and SGDClassifier; a FeatureUnion with LinearSVC", TEXT_SAMPLES)
def two_pipelines(text):
    return [str(hashed.predict([text])[0]), float(united.decision_function([text])[0])]


@case("pipeline.predict(pd.Series([text]))", TEXT_SAMPLES)
def text_series(text):
    return str(text_model.predict(pd.Series([text]))[0])


fields = DictVectorizer()
by_fields = LogisticRegression().fit(
    fields.fit_transform([{"first": text.split()[0], "words": float(len(set(text.split())))} for text in TEXTS]), MOODS
)


@case("DictVectorizer.transform({...}), without a list", TEXT_SAMPLES)
def dictionary_fields(text):
    words = text.split()
    row = fields.transform({"first": words[0] if words else "", "words": float(len(set(words)))})
    return str(by_fields.predict(row)[0])


@case("spaCy: nlp(text).cats, the largest", TEXT_SAMPLES)
def spacy_categories(text):
    document = language(text)
    return {"label": max(document.cats, key=document.cats.get), "pos": round(document.cats["pos"], 4)}


class Sentiment:
    """Own class around spaCy."""

    def __init__(self, pipe):
        self.pipe = pipe

    def score(self, text):
        return float(self.pipe(text).cats["pos"])


sentiment = Sentiment(language)


@case("own class around spaCy, threshold", TEXT_SAMPLES)
def own_spacy(text):
    return "pos" if sentiment.score(text) > 0.5 else "neg"
