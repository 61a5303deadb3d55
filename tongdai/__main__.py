"""python -m tongdai: the same as the command tongdai."""

from tongdai.cli import app

app(prog_name="tongdai")
