"""Companies of other telephone systems, as company files: what is carried over is in the file, and
what is not is told. All pure; `store.fusionpbx` reads.
"""
