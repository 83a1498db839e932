"""What is different about one run of a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Conditions"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a run is made under; the default is as the script is run by its owner.

    Attributes:
        variables: environment variables.
        disturbances: what happens inside each process: names of modules in ``samerun.verify.inside``, each with its
            setting, a JSON value.
        launcher: what is put between Python and the script, such as ``-m torch.distributed.run`` and its options.
        folder: the name of the folder that the run is made in.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    disturbances: Mapping[str, object] = field(default_factory=dict)
    launcher: tuple[str, ...] = ()
    folder: str = "run"

    def __or__(self, other: Conditions) -> Conditions:
        """Return both at once; where they disagree, the other counts."""
        return Conditions(
            {**self.variables, **other.variables},
            {**self.disturbances, **other.disturbances},
            other.launcher or self.launcher,
            other.folder if other.folder != Conditions().folder else self.folder,
        )
