import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlr.lab import BUILT_IN, DataError, load

ROWS = [(str(i), f"{i * i / 8}", "xyz"[i % 3]) for i in range(12)]
GOOD = "a,b,y\n" + "".join(",".join(row) + "\n" for row in ROWS)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write data.csv and stand beside it, so that messages do not depend on where that is."""
    monkeypatch.chdir(tmp_path)

    def write(content):
        (tmp_path / "data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return "data.csv"

    return write


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in(name):
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    data = load(name)
    np.testing.assert_array_equal(data.x, bunch.data)
    np.testing.assert_array_equal(data.y, bunch.target)
    assert data.x.shape[1] == len(data.features)
    assert (data.task == "regression") == (name == "diabetes")
    if data.classes:
        assert len(data.classes) == data.y.max() + 1


labels = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(str.strip)
labels = labels.filter(lambda text: text.lower() not in ("", "?", "na", "n/a", "nan", "null") and "\r" not in text)
finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)  # it writes files
@given(
    rows=st.lists(st.tuples(finite, finite, labels), min_size=10, max_size=30),
    separator=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_what_is_written_is_read(tmp_path_factory, rows, separator, newline, mark):
    if len({row[2] for row in rows}) < 2:
        rows = [(*row[:2], f"{row[2]} {i}") for i, row in enumerate(rows)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=newline)
    writer.writerows([("height, in m", "weight; in kg", "kind"), *rows])
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    path.write_bytes((mark + out.getvalue()).encode())
    data = load(path, target="kind", task="classification")
    assert data.features == ("height, in m", "weight; in kg")
    np.testing.assert_array_equal(data.x, [row[:2] for row in rows])
    if not all(name.isascii() and _is_number(name) for name in data.classes):
        assert [data.classes[k] for k in data.y] == [row[2] for row in rows]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", ", "),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        "\n" + GOOD.replace("\n", "\n\n"),
        GOOD.replace("x\n", '"x"\n'),
    ],
    ids=["plain", "mark", "semicolon", "tab", "spaces", "crlf", "cr", "no last newline", "blank lines", "quotes"],
)
def test_dialects(file, content):
    data = load(file(content), target="y")
    assert (data.name, data.task, data.features, data.target) == ("data", "classification", ("a", "b"), "y")
    assert data.classes == ("x", "y", "z")
    np.testing.assert_array_equal(data.x, [[float(a), float(b)] for a, b, _ in ROWS])
    assert [data.classes[k] for k in data.y] == [row[2] for row in ROWS]


def test_columns_are_ignored_and_may_then_hold_anything(file):
    path = file("id,a,y,note\n" + "".join(f"n{i},{i},{i / 7},\n" for i in range(12)))
    assert load(path, target="y", ignore=("id", "note")).features == ("a",)


BAD_FILES = {
    "empty": ("", r"^data.csv: the file is empty"),
    "blank": ("\n\n", r"^data.csv: the file is empty"),
    "header only": ("a,b,y\n", r"^data.csv: there is a header and no row below it"),
    "one column": ("y\n" + "1\n" * 12, r"^data.csv: the header 'y' names one column"),
    "numbers as header": (
        "1,2,3\n" * 12,
        r"^data.csv: the first line must name the columns, got only numbers: '1', '2'",
    ),
    "unnamed column": (GOOD.replace("a,b", ",b"), r"^data.csv: column 1 of 3 has no name"),
    "same name": (GOOD.replace("a,b", "b,b"), r"^data.csv: two columns are named 'b': rename or remove one"),
    "short row": (GOOD.replace("\n4,", "\n"), r"^data.csv, line 6: 2 fields for 3 columns separated by ','"),
    "long row": (GOOD.replace("\n4,", "\n4,4,"), r"^data.csv, line 6: 4 fields for 3 columns"),
    "short row after a quoted newline": (
        GOOD.replace("z\n", '"z\nz"\n', 1).replace("\n4,", "\n"),
        r"^data.csv, line 7: 2 fields",
    ),
    "text in a row over two lines": (
        GOOD.replace("\n4,2.0,y", '\nred,2.0,"y\ny"'),
        r"^data.csv, line 6, column 'a': 'red' is not a number",
    ),
    "text": (
        GOOD.replace("\n4,", "\nred,"),
        r"^data.csv, line 6, column 'a': 'red' is not a number: encode the column",
    ),
    "underscore": (GOOD.replace("\n4,", "\n1_0,"), r"^data.csv, line 6, column 'a': '1_0' is not a number"),
    "decimal comma": (
        GOOD.replace(",", ";").replace(".", ","),
        r"^data.csv, line 2, column 'b': '0,0' is not a number: write decimals with a point",
    ),
    "empty field": (GOOD.replace("\n4,", "\n,"), r"^data.csv, line 6, column 'a': '' is missing: fill it in, remove"),
    "missing values": (
        GOOD.replace("\n4,", "\nNaN,").replace("\n5,", "\n?,"),
        r"^data.csv, line 6, column 'a': 'NaN' is missing \(2 values of this column are missing\)",
    ),
    "missing target": (
        GOOD.replace("x\n", "\n", 1),
        r"^data.csv, line 2, column 'y': '' is missing: fill it in, or remove the row$",
    ),
    "infinite": (GOOD.replace("\n4,", "\n-inf,"), r"^data.csv, line 6, column 'a': '-inf' is not finite"),
    "overflow": (GOOD.replace("\n4,", "\n1e999,"), r"^data.csv, line 6, column 'a': '1e999' is not finite"),
    "few rows": ("a,y\n" + "1,x\n2,y\n" * 4, r"^data.csv: 8 rows, at least 10 are needed"),
    "one class": (
        GOOD.replace("y\n", "x\n").replace("z\n", "x\n").replace("b,x", "b,y"),
        r"all 12 rows have the same 'y'",
    ),
    "one value": ("a,y\n" + "".join(f"{i},1.5\n" for i in range(12)), r"all 12 rows have the same 'y', '1.5'"),
    "open quote": (GOOD.replace("\n4,", '\n"4,'), r"^data.csv, line 6: unexpected end of data: check the quotes"),
    "utf-16": (GOOD.encode("utf-16"), r"^data.csv, line 1: this is not UTF-8 text: save the file as CSV in UTF-8"),
    "latin-1": (GOOD.replace("\n4,", "\n\xe9,").encode("latin-1"), r"^data.csv, line 6: this is not UTF-8 text"),
    "zero bytes": (GOOD.replace("x", "\0"), r"^data.csv: this is not UTF-8 text, it holds zero bytes"),
    "numbers but one": (
        "a,y\n" + "".join(f"{i},{i / 7}\n" for i in range(20)) + "20,high\n",
        r"^data.csv, line 22, column 'y': 'high' is not a number, but 20 of 21 are: correct it, or say it is class",
    ),
    "infinite target": (
        "a,y\n" + "".join(f"{i},{i / 7}\n" for i in range(20)) + "20,inf\n",
        r"^data.csv, line 22, column 'y': 'inf' is not finite",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_refused_with_the_place(file, content, message):
    with pytest.raises(DataError, match=message):
        load(file(content), target="y")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"^data.csv: the target must be named: it is one of 'a', 'b', 'y'$"),
        ({"target": "B"}, r"^data.csv: no column 'B' for the target: did you mean 'b'\? there are 'a', 'b', 'y'$"),
        ({"target": "price"}, r"^data.csv: no column 'price' for the target: there are 'a', 'b', 'y'$"),
        ({"target": "y", "ignore": ["c"]}, r"^data.csv: no column 'c' for the columns to ignore: there are"),
        ({"target": "y", "ignore": ["y"]}, r"^data.csv: column 'y' must not be both the target and ignored$"),
        ({"target": "y", "ignore": ["a", "b"]}, r"^data.csv: no feature is left beside the target 'y'"),
        ({"target": "y", "task": "regression"}, r"^data.csv, line 2, column 'y': 'x' is not a number: encode the col"),
    ],
)
def test_bad_columns_are_refused(file, arguments, message):
    with pytest.raises(DataError, match=message):
        load(file(GOOD), **arguments)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("digit", {}, r"^digit: no such file or data set: did you mean 'digits'\? built in are digits, wine, iris"),
        ("nowhere.csv", {"target": "y"}, r"^nowhere.csv: no such file or data set: built in are"),
        (".", {"target": "y"}, r"^\.: Is a directory|^\.: Permission denied"),
        ("iris", {"target": "y"}, r"^iris: target must be left out for a built-in data set"),
        ("iris", {"task": "regression"}, r"^iris: task must be left out"),
        ("iris", {"ignore": ["a"]}, r"^iris: ignore must be left out"),
    ],
)
def test_bad_sources_are_refused(tmp_path, monkeypatch, source, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        load(source, **arguments)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([i % 2 for i in range(10)], "classification", ("0", "1")),
        ([2 * (i % 2) - 1 for i in range(10)], "classification", ("-1", "1")),
        ([f"{i % 2}.0" for i in range(10)], "classification", ("0", "1")),
        ([i % 7 for i in range(69)], "regression", ()),
        ([i % 7 for i in range(70)], "classification", tuple("0123456")),
        ([i % 20 for i in range(400)], "classification", tuple(map(str, range(20)))),
        ([i % 21 for i in range(400)], "regression", ()),
        ([i % 2 + 0.5 for i in range(100)], "regression", ()),
        (["yes", "no"] * 5, "classification", ("no", "yes")),
        (["none", "some"] * 5, "classification", ("none", "some")),
        (["1", "2", "10", "2b"] * 3, "regression refused", ()),
        (["1", "b", "2", "c"] * 3, "classification", ("1", "2", "b", "c")),
    ],
)
def test_the_target_decides_the_task(file, values, task, classes):
    path = file("a,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    if task == "regression refused":
        with pytest.raises(DataError, match="say it is classification"):
            load(path, target="y")
        assert load(path, target="y", task="classification").classes == ("1", "10", "2", "2b")
        return
    data = load(path, target="y")
    assert (data.task, data.classes) == (task, classes)
    assert data.reason


def test_the_task_can_be_chosen(file):
    path = file("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(10)))
    data = load(path, target="y", task="regression")
    assert (data.task, data.classes, data.reason) == ("regression", (), "as chosen")
    np.testing.assert_array_equal(data.y, [i % 2 for i in range(10)])
    path = file("a,y\n" + "".join(f"{i},{i % 2 + 0.5}\n" for i in range(10)))
    data = load(path, target="y", task="classification")
    assert data.classes == ("0.5", "1.5")
    np.testing.assert_array_equal(data.y, [i % 2 for i in range(10)])


def test_classes_are_in_the_order_of_their_numbers(file):
    data = load(file("a,y\n" + "".join(f"{i},{[10, 9, 100][i % 3]}\n" for i in range(30))), target="y")
    assert data.classes == ("9", "10", "100")
    assert [data.classes[k] for k in data.y[:3]] == ["10", "9", "100"]
