"""Any camera: the facts of a frame from the cards that capture programs write.

`table` says which cards there are, `reading` takes the facts of a header out of them, each with
its origin and with what contradicts it, and `telescope` makes of them what the stages ask for.
"""
