"""venh: how compressed video is enhanced, taught by rebuilding the NTIRE 2021 challenge.

Importing this package costs nothing: every module is imported by its own name
(``from venh_lib import video``), and PyTorch only by those that need it.
"""

__version__ = "0.1.0"
