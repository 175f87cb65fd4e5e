"""Multilayer perceptrons."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from fastlr.lab.losses import Array
from fastlr.lab.mlp import Activation
from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable
from fastlr.sklearn import settings
from fastlr.sklearn.base import Estimator
from fastlr.sklearn.kinds import Classifier, Regressor


class Layered(Estimator):
    """The parameters of an estimator with hidden layers."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Activation = "relu",
        *,
        optimizer: str | Rule = "adam",
        learning_rate: Schedulable | Literal["auto"] | None = None,
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        callbacks: Sequence[Callable[[Any], object]] | None = None,
        dtype: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.dtype = dtype
        self.verbose = verbose

    def _hidden(self) -> tuple[tuple[int, ...], Activation]:
        return settings.hidden(type(self).__name__, self.hidden_layer_sizes), self.activation

    @property
    def coefs_(self) -> list[Array]:
        """Weights, a layer an array of shape (inputs, units): views, write into them to change them."""
        return [self._learner.packed.params[f"w{layer}"] for layer in range(1, self.n_layers_)]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases, a layer an array of shape (units,): views."""
        return [self._learner.packed.params[f"b{layer}"] for layer in range(1, self.n_layers_)]


class MLPClassifier(Classifier, Layered):
    """A multilayer perceptron that predicts classes, or several labels at once.

    Like scikit-learn's of that name; names that both have mean the same.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer.
    activation : {"relu", "tanh", "logistic", "identity"}
        Of the hidden layers.
    optimizer : str or fastlr.rules.Rule
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", ... (`fastlr.lab.OPTIMIZERS`), or a rule
        with settings of your own: `fastlr.rules.AdamW(weight_decay=0.1)`.
    learning_rate : float or callable of the step or "auto", optional
        A number; or a schedule (`fastlr.schedules`), which is asked before every batch, 0 being the first.  One that
        follows a metric (`Plateau`) observes the training loss after every epoch.  "auto": what `fastlr.lab.find_lr`
        suggests for these data, see `finding_`; this takes about 2,000 steps more.  None: the optimizer's own.
    alpha : float
        L2 penalty: alpha/2 times the sum of the squared weights, over the batch's number of rows, is added to the loss.
    batch_size : int or "auto"
        Rows a step; "auto" is 200, or all if there are fewer.
    max_iter : int
        Epochs at most.
    shuffle : bool
        Whether rows come in another order in every epoch.
    random_state : int, RandomState or None
        Of initial weights, order and held-out rows: the same gives the same bits.
    tol : float
        By how much the loss, or the validation score, must improve to count as improving.
    n_iter_no_change : int or inf
        Training stops after more than that many epochs without an improvement; inf trains for `max_iter` epochs.
    early_stopping : bool
        Hold rows out, judge by the score on them, and keep the weights that scored best.
    validation_fraction : float
        The share of rows to hold out, in [0, 1).
    warm_start : bool
        Whether `fit` goes on from the weights that there are, with a new optimizer.
    callbacks : sequence of callable, optional
        Called after every epoch with the estimator; one that returns something true ends the training.
    dtype : {"auto", "float32", "float64"}
        To compute in.  "auto" is that of `X` if it is either, else float64, as in scikit-learn; "float32" is up to
        twice as fast where layers are wide, and learns as well.
    verbose : bool
        Whether to print the loss of every epoch.

    Attributes
    ----------
    classes_ : array
    coefs_, intercepts_ : list of array
        Views of the weights, shape (inputs, units), and biases, shape (units,), layer by layer.
    loss_, best_loss_ : float
        The last epoch's and the least; `best_loss_` is None with early stopping.
    loss_curve_ : list of float
        By epoch, since training began anew: the mean loss on the way.
    finding_ : fastlr.lab.Finding
        With `learning_rate="auto"`: what was found, and why.
    lr_curve_ : list of float
        By epoch: the learning rate of its first step.
    validation_scores_ : list of float or None
        By epoch of the last `fit`: the accuracy on the rows held out, with early stopping.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs of the last call.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastlr.schedules import Linear
    >>> from fastlr.sklearn import MLPClassifier
    >>> x, y = load_digits(return_X_y=True)
    >>> rate = Linear(0.02, 0.0, total=200)
    >>> model = MLPClassifier(50, learning_rate=rate, max_iter=25, n_iter_no_change=np.inf, random_state=0)
    >>> model.fit(x[:1500] / 16, y[:1500]).score(x[1500:] / 16, y[1500:]) > 0.9
    True
    """


class MLPRegressor(Regressor, Layered):
    """A multilayer perceptron that predicts a value or several, by half the squared error.

    Parameters and attributes are those of `MLPClassifier`, but for `classes_`; the validation score is R².  With
    several outputs the loss is summed over them.

    Examples
    --------
    >>> from fastlr.sklearn import MLPRegressor
    >>> x = np.linspace(-2, 2, 200).reshape(-1, 1)
    >>> model = MLPRegressor(50, optimizer="adamw", learning_rate=0.05, n_iter_no_change=np.inf, random_state=0)
    >>> model.fit(x, np.sin(x[:, 0])).score(x, np.sin(x[:, 0])) > 0.99
    True
    """
