"""The page of a job: a button cancels it, and the page says how to do without."""

import httpx
import psycopg
import pytest
from playwright.sync_api import expect

from config.settings import Settings
from ingest import jobs
from tests.browser.conftest import OpenPage


@pytest.fixture
def job(server: str) -> str:
    """Path of a job that waits: no worker runs beside the portal of the tests."""
    answer = httpx.post(
        f"{server}/ogc/processes/zonal-summary/execution",
        json={"inputs": {"collection": "mairies"}},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == httpx.codes.CREATED
    return answer.headers["location"].removeprefix(server)


def test_a_button_cancels_a_waiting_job(job: str, open_page: OpenPage, server: str) -> None:
    visit = open_page()
    visit.go(job)
    visit.page.get_by_role("button", name="Annuler ce travail").click()
    expect(visit.page.locator(".chapeau")).to_contain_text("annulé")
    expect(visit.page.get_by_role("button", name="Annuler ce travail")).to_have_count(0)
    assert httpx.get(f"{server}{job}").json()["status"] == "dismissed"
    assert visit.errors == []


def test_a_job_that_ended_meanwhile_keeps_its_result(job: str, open_page: OpenPage, server: str, territory: Settings) -> None:
    visit = open_page()
    visit.go(job)
    with psycopg.connect(territory.effective_database_url, autocommit=True) as conn:
        jobs.dismiss(conn, jobs.parse_id(job.rsplit("/", 1)[-1]))
    visit.page.get_by_role("button", name="Annuler ce travail").click()
    expect(visit.page.locator(".chapeau")).to_contain_text("annulé")
    assert httpx.get(f"{server}{job}").status_code == httpx.codes.OK  # a DELETE would have erased it


def test_without_javascript_the_page_says_how(job: str, open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    visit.page.goto(visit.root + job)
    assert not visit.page.get_by_role("button", name="Annuler ce travail").is_visible()
    expect(visit.page.locator("main")).to_contain_text(f"./portail jobs annuler {job.rsplit('/', 1)[-1]}")


def test_personal_data_say_what_a_job_keeps(open_page: OpenPage) -> None:
    visit = open_page()
    visit.go("/donnees-personnelles")
    expect(visit.page.locator("main")).to_contain_text(f"effacés {jobs.KEPT_DAYS} jours après la fin du calcul")
