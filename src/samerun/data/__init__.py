"""The loader: the same items whatever the workers, ranks and interruptions."""

from samerun.data.conversion import exact
from samerun.data.inspection import Explanation, Finding, Report
from samerun.data.loader import DataLoader

__all__ = ["DataLoader", "Explanation", "Finding", "Report", "exact"]
