"""Personal data in texts: one module a kind (``email``, ``ip``), and the stage that applies them.

A kind is a function ``replace(text) -> (text, count)``. It puts a fixed, reserved placeholder
where it finds one, so the result depends on nothing but the text, and replacing twice changes
nothing. No match is ever logged or kept.
"""
