"""A small memory of what was prepared last, for one worker process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from pipelines.errors import ItemError


class Recent:
    """Keeps the values of the last ``capacity`` keys; an item's failure is kept like a value."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of ``key``, made if it is not kept. Raises the ``ItemError`` of ``make``."""
        if key not in self._kept:
            # room first: an old and a new value need not be in memory together
            while len(self._kept) >= self._capacity:
                self._kept.popitem(last=False)
            try:
                self._kept[key] = make()
            except ItemError as error:
                self._kept[key] = error
        self._kept.move_to_end(key)
        value = self._kept[key]
        if isinstance(value, ItemError):
            raise value
        return value
