import sys
from pathlib import Path

for _room in ("datasets", "reports"):  # the discs, and what results are made up of
    sys.path.insert(0, str(Path(__file__).parents[1] / _room))
