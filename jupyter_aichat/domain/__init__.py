"""Plain values: what the rest of the package talks about. Imports nothing of ours.

Those that live by the thousand while answers stream are ``gc=False``: they hold no cycles, and the garbage collector need
not walk them again and again.
"""
