"""Predictors of Keras on JAX."""

import keras
import numpy as np

from cases import IMAGES, LABELS, TEXT_SAMPLES, TEXTS, case, network

net = network()


@case("keras: model.predict(np.expand_dims(image, 0)), argmax, label", IMAGES)
def keras_predict(image):
    pixels = np.expand_dims(np.array(image, dtype="float32"), axis=0)[..., None]
    shares = net.predict(pixels, verbose=0)
    return {"label": LABELS[int(np.argmax(shares[0]))], "certain": float(np.max(shares[0]))}


@case("keras: model(x, training=False)", IMAGES)
def keras_call(image):
    return np.asarray(net(np.array([image], dtype="float32")[..., None], training=False))[0].tolist()


def asked(model, pixels):
    """Call a parameter."""
    return model(pixels, training=False)


@case("keras: helper(model, x) that calls its parameter", IMAGES)
def keras_helper(image):
    return int(np.argmax(np.asarray(asked(net, np.array([image], dtype="float32")[..., None]))[0]))


@np.errstate(all="ignore")
def folds(models, pixels):
    """Ask each model, within a context."""
    return [float(np.asarray(model(pixels, training=False))[0, 0]) for model in models]


@case("keras: decorated helper(models, x) with a comprehension", IMAGES)
def keras_folds(image):
    shares = folds([net, net], np.array([image], dtype="float32")[..., None])
    return {"mean": float(np.mean(shares)), "deviation": float(np.std(shares))}


WORD_NUMBERS = {word: number for number, word in enumerate(sorted(set(" ".join(TEXTS).split())), 1)}
keras.utils.set_random_seed(2)
sequence = keras.Sequential(
    [keras.Input((12,)), keras.layers.Embedding(20, 8), keras.layers.GRU(8), keras.layers.Dense(1, "sigmoid")]
)


@case("keras: own tokenizer, padding, recurrent network", TEXT_SAMPLES)
def keras_padded(text):
    numbers = [WORD_NUMBERS.get(word, 0) for word in text.split()][:12]
    padded = np.array([numbers + [0] * (12 - len(numbers))])
    return round(float(sequence.predict(padded, verbose=0)[0][0]), 4)


first, second = keras.Input((2,)), keras.Input((3,))
two_inputs = keras.Model([first, second], keras.layers.Dense(2)(keras.layers.Concatenate()([first, second])))


@case("keras: predict([a, b]), two inputs", [row[0][:5] for row in IMAGES])
def keras_two_inputs(x):
    return two_inputs.predict([np.array([x[:2]]), np.array([x[2:]])], verbose=0)[0].tolist()
