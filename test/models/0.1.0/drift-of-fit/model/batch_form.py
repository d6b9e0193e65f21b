def predictor(x):
    row = (yield (1, scaler.transform, ([[x['height'], x['weight']]],), {}, True))
    return 'heavy' if (yield (2, model.predict, (row,), {}, False))[0] else 'light'


def stage_1(rows):
    return ((1, scaler.transform, True), [[[x['height'], x['weight']]] for x, in rows])


def stage_2(rows):
    return ((2, model.predict, False), [result_1 for x, result_1 in rows])


def stage_3(rows):
    return (None, ['heavy' if result_2[0] else 'light' for x, result_1, result_2 in rows])