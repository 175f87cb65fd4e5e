"""scikit-learn's own checks of an estimator."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from fastlr.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor

CANNOT_RUN = {
    "check_sample_weights_pandas_series",  # pandas is not installed
    "check_array_api_input",  # no estimator here takes other arrays than NumPy's
    "check_classifier_data_not_an_array",  # scikit-learn's checks leave these to its own tests
    "check_regressor_data_not_an_array",
}


@pytest.mark.filterwarnings("ignore")  # they fit for a few epochs, which warns
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor, LogisticRegression, LinearRegression])
def test_check_estimator_without_exceptions(estimator):
    results = check_estimator(estimator(), on_skip=None, on_fail=None)
    assert len(results) > 50
    failures = {result["check_name"]: result["exception"] for result in results if result["status"] != "passed"}
    assert {name: error for name, error in failures.items() if name not in CANNOT_RUN} == {}
    assert not any(result["expected_to_fail"] for result in results)
