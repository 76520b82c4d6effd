"""The web processes: uvicorn on a socket that is already open, so that nobody can take the port meanwhile."""

import errno
import socket
from pathlib import Path
from typing import Any

from geoportal.setup.errors import SetupError

BACKLOG = 2048
_GRACE_SECONDS = 5

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s : %(message)s"}},
    "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stream"], "level": "INFO"},
    "loggers": {"psycopg.pool": {"level": "WARNING"}},
}


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address; connections wait there until the web processes are up.

    Raises SetupError when the port is taken, forbidden, or the address is not of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, OverflowError) as error:
        raise SetupError(f"L'adresse « {host} » est inconnue de cette machine.", "Essayez --host 127.0.0.1.") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(error, host, port) from error
    return sock


def _refusal(error: OSError, host: str, port: int) -> SetupError:
    match error.errno:
        case errno.EADDRINUSE:
            return SetupError(
                f"Le port {port} est déjà pris par un autre programme.",
                f"Choisissez-en un autre : ./portail up --port {port + 1 if port < 65535 else 8000}",
            )
        case errno.EACCES:
            return SetupError(
                f"Le port {port} est réservé à l'administrateur.", "Choisissez-en un autre : ./portail up --port 8000"
            )
        case errno.EADDRNOTAVAIL:
            return SetupError(f"L'adresse {host} n'est pas celle de cette machine.", "Essayez --host 127.0.0.1.")
        case _:
            return SetupError(f"Impossible d'écouter sur {host}:{port} : {error.strerror}.", "Essayez un autre port.")


def run_web(sock: socket.socket, workers: int) -> None:
    """Serve until SIGTERM or SIGINT. Requests are not logged: an address may hold what somebody searched for."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        "geoportal.app:create_app",
        factory=True,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=LOGGING,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    if workers == 1:
        uvicorn.Server(config).run(sockets=[sock])
    else:
        Multiprocess(config, sockets=[sock]).run()


def rotate_log(path: Path, limit: int = 10_000_000) -> None:
    """Keep one older file when a journal has grown beyond ``limit`` bytes; called before it is opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > limit:
        path.replace(path.with_suffix(path.suffix + ".1"))
