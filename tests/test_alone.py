"""What belongs to a whole process and decides the last bits of a result."""

import os
import subprocess
import sys

CODE = """
from threadpoolctl import threadpool_info
from hyp.alone import limited
with limited(1):
    import hyp.metrics.gram
    found = {i["filepath"]: i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}
assert len(found) > 1, found  # numpy's and scipy's
print(*found.values())
"""


def test_linear_algebra_that_is_loaded_by_the_first_step_takes_no_more_threads():
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment | {"OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == {"1"}
