"""What of the values that somebody entered stops working by itself."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Ends:
    """Something of a credential that ends at a known moment, until a person replaces it. `what` names it in words."""

    what: str
    at: datetime
