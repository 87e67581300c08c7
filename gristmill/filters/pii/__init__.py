"""Personal data in texts: one module a kind, and the stage that applies them.

A kind is a function ``replace(text) -> (text, count)``. It puts a fixed placeholder where it finds
one, so the result depends on nothing but the text, and replacing twice changes nothing: e-mail and
IP placeholders are addresses reserved for documentation, the others are words in brackets, since
no card or telephone number is reserved everywhere. Every pattern that reads whole texts runs in
linear time (RE2), and what it matches is validated. No match is ever logged or kept.
"""
