"""Problems: what is learnt, in a form that can be both drawn and predicted.

`problem` (linear Gaussian), `feature_problem`, `data_problem` and `spectrum` have the public
classes; `functions`, `targets` and `moments` help them with callables, labels and second moments.
Modules here use the core, the shared modules of the package and each other, and nothing else of it.
"""
