"""``worker`` and ``jobs``: run the work that takes time, and look at it."""

import click


@click.command(
    short_help="Exécute les travaux mis en file.",
    epilog="Exemple : ./portail worker --parallele 2",
)
@click.option(
    "--parallele", "parallel", default=1, show_default=True, type=click.IntRange(1, 32), help="Travaux menés en même temps."
)
def worker(parallel: int) -> None:
    """Exécute les travaux mis en file, jusqu'à l'arrêt (Ctrl-C ou SIGTERM).

    À l'arrêt, le travail en cours a vingt secondes pour finir ; sinon il retourne dans la file. On peut lancer
    plusieurs processus, sur plusieurs machines.
    """
    import asyncio

    from config.settings import Settings
    from geoportal.processes import run_in_worker
    from ingest.worker import Worker

    click.echo("Le processus de travail attend les travaux (Ctrl-C pour l'arrêter).")
    asyncio.run(Worker(Settings(), run_in_worker, parallel).run())
    click.echo("Le processus de travail est arrêté.")


@click.group(
    invoke_without_command=True,
    short_help="Liste les travaux, ou en annule un.",
    epilog="Exemples : ./portail jobs --nombre 50 — ./portail jobs annuler IDENTIFIANT",
)
@click.option("--nombre", "count", default=20, show_default=True, type=click.IntRange(1, 1000), help="Travaux à montrer.")
@click.pass_context
def jobs(context: click.Context, count: int) -> None:
    """Liste les derniers travaux, du plus récent au plus ancien."""
    if context.invoked_subcommand is not None:
        return
    from config.database import connect
    from config.settings import Settings
    from ingest.jobs import list_jobs

    with connect(Settings(), autocommit=True) as conn:
        page, total = list_jobs(conn, limit=count)
    if not page:
        click.echo("Aucun travail.")
        return
    for job in page:
        created = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        state = f"{_STATES[job.status]} {job.progress} %" if job.status == "running" else _STATES[job.status]
        click.echo(f"{job.id}  {created}  {job.process:<16}  {state:<14}  {job.error or job.message}")
    if total > len(page):
        click.echo(f"… et {total - len(page)} de plus : --nombre {total} les montre tous.")


_STATES = {
    "accepted": "en attente",
    "running": "en cours",
    "successful": "terminé",
    "failed": "en échec",
    "dismissed": "annulé",
}


@jobs.command(
    name="annuler",
    short_help="Annule un travail qui attend ou qui tourne.",
    epilog="Exemple : ./portail jobs annuler 240a0206-ad23-4f49-9a20-93d737d9eba6",
)
@click.argument("job_id", metavar="IDENTIFIANT")
def dismiss(job_id: str) -> None:
    """Annule le travail IDENTIFIANT, donné par « ./portail jobs »."""
    from config.database import connect
    from config.settings import Settings
    from ingest import jobs as queue

    try:
        with connect(Settings(), autocommit=True) as conn:
            job = queue.dismiss(conn, queue.parse_id(job_id))
    except queue.UnknownJobError as error:
        raise click.ClickException(f"{error} « ./portail jobs » donne la liste.") from None
    if job.status == "dismissed":
        click.echo(f"Le travail {job.id} est annulé.")
    else:
        click.echo(f"Le travail {job.id} est déjà fini ({_STATES[job.status]}) : rien à annuler.")


COMMANDS: tuple[click.Command, ...] = (worker, jobs)
