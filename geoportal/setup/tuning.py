"""Configuration of the private cluster, drawn from the memory of the machine. Pure, except for two readings of /proc."""

from pathlib import Path

MB = 1024 * 1024
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMINFO = Path("/proc/meminfo")


def total_memory_mb(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP_LIMIT) -> int:
    """Memory that this machine, or this container, may use, in megabytes."""
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
    total = int(lines["MemTotal"].split()[0]) // 1024
    limit = cgroup.read_text(encoding="ascii").strip() if cgroup.exists() else "max"
    return min(total, int(limit) // MB) if limit.isdigit() else total


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def tuned_settings(memory_mb: int, connections: int) -> dict[str, str]:
    """PostgreSQL parameters for a machine that also runs the web processes.

    An eighth of the memory goes to the shared buffers: the rest of the cache is that of the system, which the web
    processes and the tile files use as well.
    """
    return {
        "max_connections": str(connections),
        "shared_buffers": f"{_between(64, memory_mb // 8, 4096)}MB",
        "effective_cache_size": f"{_between(128, memory_mb // 2, 65536)}MB",
        "work_mem": f"{_between(4, memory_mb // 512, 64)}MB",
        "maintenance_work_mem": f"{_between(32, memory_mb // 16, 1024)}MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "jit": "off",
    }


def configuration(socket_folder: Path, parameters: dict[str, str], *, small_shm: bool) -> str:
    """Text of the file that ``postgresql.conf`` includes; written anew at every start."""
    lines = {
        "listen_addresses": "''",
        "unix_socket_directories": _quoted(_escape_socket(socket_folder)),
        "unix_socket_permissions": "0700",
        "logging_collector": "on",
        "log_directory": "'log'",
        "log_filename": "'postgresql-%a.log'",
        "log_rotation_age": "1d",
        "log_truncate_on_rotation": "on",
        "lc_messages": "'C'",
    }
    # The parallel queries of PostgreSQL share memory there; containers often give it only 64 MB.
    if small_shm:
        lines["dynamic_shared_memory_type"] = "mmap"
    body = "\n".join(f"{name} = {value}" for name, value in (lines | parameters).items())
    return f"# Écrit à chaque démarrage ; vos réglages vont à la fin de postgresql.conf.\n{body}\n"


def _escape_socket(folder: Path) -> str:
    # The parameter is a list separated by commas; double quotes keep one path whole.
    return '"' + str(folder).replace('"', '""') + '"'


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
