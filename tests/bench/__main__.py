"""``python -m tests.bench``: the same as ``./portail bench``."""

from geoportal.commands.bench import bench

bench(prog_name="python -m tests.bench")
