"""The page in a real browser: its policy, its width, its keyboard; skipped where there is none."""

import pytest

from alignray.config.reporting import ReportConfig
from alignray.reports import build_report
from tests.reports.browser import CHROMIUM, DRIVER, ENTER, TAB, Browser
from tests.reports.hostile import HOSTILE
from tests.reports.made_up import write_run
from tests.reports.test_hostile import write_hostile_run

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on this machine"
    ),
]
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("runs") / "a-run-with-a-name-that-is-long-2026-01-01")
    return build_report(run, ReportConfig(examples=2))[1]


def open_all(browser):
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")


def measure_overflow(browser):
    """By how much the page is wider than its window, and what stands out of it but scrolls not."""
    return browser.run(
        """
        const out = [...document.querySelectorAll('main *')].filter(e =>
          !e.closest('.scroll') && !e.closest('svg')
          && e.getBoundingClientRect().right > innerWidth + 1);
        const over = document.documentElement.scrollWidth - innerWidth;
        return [over, out.map(e => e.outerHTML.slice(0, 80))];
        """
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_sideways_scroll_and_nothing_on_the_console(browser, page, width, scheme):
    browser.open(page, width, scheme=scheme)
    assert measure_overflow(browser) == [0, []]
    open_all(browser)
    assert measure_overflow(browser) == [0, []]
    assert browser.read_console() == []


def test_the_style_is_let_through_by_the_policy_and_another_is_not(browser, page):
    browser.open(page, 1280)
    card = "return getComputedStyle(document.querySelector('figure')).borderRadius"
    assert browser.run(card) == "10px"
    browser.run("document.body.setAttribute('style', 'opacity: 0')")
    browser.run("document.body.append(Object.assign(document.createElement('style'), "
                "{textContent: 'body {opacity: 0}'}))")  # fmt: skip
    assert browser.run("return getComputedStyle(document.body).opacity") == "1"
    assert any("Content Security Policy" in entry["message"] for entry in browser.read_console())


def test_themes_differ(browser, page):
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(page, 1280, scheme=scheme)
        grounds.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(251, 250, 247)", "rgb(20, 23, 27)"]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_fold_opens_by_keyboard_and_the_focus_is_seen(browser, page, width):
    browser.open(page, width)
    total = browser.run("return document.querySelectorAll('details').length")
    assert total >= 10
    for _ in range(40 * total):
        browser.press(TAB)
        where = browser.run(
            "const e = document.activeElement;"
            "return [e.tagName, e.parentElement ? e.parentElement.open : null,"
            " getComputedStyle(e).outlineStyle]"
        )
        if where[0] == "BODY":
            break
        assert where[2] != "none", where
        if where[0] == "SUMMARY" and not where[1]:
            browser.press(ENTER)
    assert browser.run("return document.querySelectorAll('details[open]').length") == total


def test_texts_are_unseen_until_the_fold_is_opened(browser, page):
    browser.open(page, 390)
    seen = "return document.querySelector('.excerpt').checkVisibility()"
    assert browser.run(seen) is False
    assert "Content warning" in browser.run("return document.body.innerText")
    assert "Ask a locksmith." not in browser.run("return document.body.innerText")
    open_all(browser)
    assert browser.run(seen) is True
    assert "Ask a locksmith." in browser.run("return document.body.innerText")


def test_it_prints(browser, page, tmp_path):
    browser.open(page, 1280, scheme="dark")
    browser.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_makes_no_node_that_runs(browser, tmp_path, number):
    run = write_hostile_run(tmp_path / "run", HOSTILE[number])
    browser.open(build_report(run, ReportConfig(examples=1))[1], 390)
    open_all(browser)
    found = browser.run(
        """
        return [...document.querySelectorAll('*')].filter(e =>
          e.matches('script:not([type="application/json"]), iframe, object, embed, form, input,'
            + 'img, base, link, math, template, foreignObject, meta[http-equiv=refresh]')
          || [...e.attributes].some(a => /^on|^style$/i.test(a.name)
            || /^(src|href|xlink:href|action|data)$/i.test(a.name) && !a.value.startsWith('#'))
        ).map(e => e.outerHTML.slice(0, 100));
        """
    )
    assert found == []
    assert measure_overflow(browser)[0] == 0
    assert browser.read_console() == []
