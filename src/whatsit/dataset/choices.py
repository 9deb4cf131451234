"""What a user may choose about photos that belong together."""

from typing import Literal, get_args

NearCopies = Literal["group", "ignore"]
GroupByName = Literal["auto", "always", "never"]

NEAR_COPIES: tuple[NearCopies, ...] = get_args(NearCopies)
GROUP_BY_NAME: tuple[GroupByName, ...] = get_args(GroupByName)


Split = Literal["train", "valid", "test"]
