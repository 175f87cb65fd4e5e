"""Estimators for scikit-learn that train with fastlr, and (`fastlr.patch_sklearn`) scikit-learn's own patched.

model = make_pipeline(StandardScaler(), fastlr.sklearn.MLPClassifier(optimizer="adamw", learning_rate=0.01))
model.fit(x, y)

Design: an estimator holds hyperparameters and what scikit-learn wants to see.  The network is that of `fastlr train`
(`fastlr.lab.MLP`; a linear model is one without hidden layers), and a `Learner` trains it.
"""

from fastlr.extras import extra

with extra("sklearn"):
    from fastlr.sklearn.linear import LinearRegression as LinearRegression
    from fastlr.sklearn.linear import LogisticRegression as LogisticRegression
    from fastlr.sklearn.mlp import MLPClassifier as MLPClassifier
    from fastlr.sklearn.mlp import MLPRegressor as MLPRegressor
    from fastlr.sklearn.patch import Patch as Patch
