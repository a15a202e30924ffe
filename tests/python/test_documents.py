"""What the docstrings show is what happens."""

import doctest
import unittest

import cases

import rmseg
from rmseg import _field, _library, _objective, metrics


def load_tests(loader, tests, pattern):
    for module in (rmseg, _field, _library, _objective, metrics):
        tests.addTests(doctest.DocTestSuite(module))
    return tests


if __name__ == "__main__":
    cases.main()
