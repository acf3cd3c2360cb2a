"""The rules: who may see what, what a model is given, how a run lives and ends. Free of web frameworks."""
