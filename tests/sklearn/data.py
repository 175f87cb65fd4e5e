"""Small data sets, scaled, that every test of the estimators can learn."""

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification

DIGITS = load_digits(return_X_y=True)
DIGITS = DIGITS[0] / 16, DIGITS[1]
IRIS = load_iris(return_X_y=True)
IRIS = (IRIS[0] - IRIS[0].mean(0)) / IRIS[0].std(0), IRIS[1]
TWO = IRIS[0][50:], np.array(["no", "yes"])[IRIS[1][50:] - 1]
LABELS = make_multilabel_classification(200, 10, n_classes=3, random_state=0)
LABELS = LABELS[0] / 10, LABELS[1]
PLANE = IRIS[0], IRIS[0] @ [1.0, -2.0, 0.5, 3.0] + 7.0
PLANES = IRIS[0], IRIS[0] @ [[1.0, 0.0], [-2.0, 1.0], [0.5, 1.0], [3.0, -1.0]] + [7.0, -7.0]
