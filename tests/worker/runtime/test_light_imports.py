"""Lean imports: less of xgboost and google-auth, and nothing of them broken for who asks for the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

MATRICES = """
from rookery.worker.runtime.light_xgboost import xgboost
import numpy, sys
assert "scipy.sparse" not in sys.modules
rows = numpy.eye(4, 7, dtype=numpy.float32)
plain = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, label=[0, 1, 0, 1]), num_boost_round=2)
assert plain.inplace_predict(rows).shape == (4,)
import scipy.sparse
data = xgboost.DMatrix(scipy.sparse.csr_matrix(rows), label=[0, 1, 0, 1])
assert isinstance(data.get_data(), scipy.sparse.csr_matrix)
booster = xgboost.train({"nthread": 1}, data, num_boost_round=2)
assert (booster.inplace_predict(scipy.sparse.csr_matrix(rows)) == booster.predict(data)).all()
"""

WRAPPERS = """
import rookery.worker.runtime.light_xgboost
from xgboost import XGBClassifier, config_context, plot_importance
assert not hasattr(__import__("xgboost"), "no_such_name")
assert XGBClassifier(n_estimators=1).fit([[0.0], [1.0]], [0, 1]).predict([[1.0]]).shape == (1,)
from xgboost.sklearn import XGBClassifier
import xgboost.plotting, sklearn, sys
assert sys.modules["sklearn"] is sklearn
"""

MORE = """
import sys
from rookery.worker.runtime.light_xgboost import _Sparse
stand_in = sys.modules["scipy.sparse"] = _Sparse("scipy.sparse")
from scipy.sparse import csr_matrix, coo_matrix
assert csr_matrix is object
assert coo_matrix.__module__.startswith("scipy.sparse")
assert sys.modules["scipy.sparse"] is not stand_in
"""

AFTER = """
import scipy.sparse, sklearn, xgboost
from rookery.worker.runtime.light_xgboost import xgboost as lean
assert lean is xgboost
assert lean.XGBClassifier
assert lean.core.scipy.sparse.csr_matrix is scipy.sparse.csr_matrix
"""

CERTIFICATES = """
import asyncio, sys, time
from rookery.worker.auth.oidc import ExpectedClaims, OidcAuthenticator
assert "cryptography.x509" not in sys.modules
from rookery.broker.delivery.push import Identity
from rookery.broker.delivery.token_signer import TokenSigner
signer = TokenSigner(time.time)

class Keys:
    async def key(self, key_id):
        return signer.certificates()[key_id]

token = signer.token(Identity(email="a@b", audience="https://a"))
guard = OidcAuthenticator(Keys(), ExpectedClaims("https://a", "a@b"))
asyncio.run(guard.admit(f"Bearer {token}"))
assert guard.known(f"Bearer {token}")
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(MATRICES, id="scipy's matrices are trained on and predicted as ever"),
        pytest.param(WRAPPERS, id="scikit-learn and plots can be imported afterwards"),
        pytest.param(MORE, id="another version of xgboost that needs more of scipy gets the real one"),
        pytest.param(CERTIFICATES, id="tokens are verified with keys that come as certificates"),
        pytest.param(AFTER, id="what is imported already stays"),
    ],
)
def test_nothing_is_taken_from_who_needs_more(program: str) -> None:
    """In a process of its own, for another test may have imported everything."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
