"""A headless Chromium, driven over WebDriver's plain HTTP: no package is needed for it."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
DRIVER = shutil.which("chromedriver")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TAB, ENTER = "\ue004", "\ue007"


class Browser:
    """One window; sizes are those of the page, in CSS pixels."""

    def __init__(self, profile):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": CHROMIUM}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def _wait(self):
        for _ in range(300):
            try:
                if self._call("GET", "/status", None)["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError("chromedriver did not start")

    def _call(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:500]) from None

    def send(self, name, body=None):
        """A command of the session: GET where there is no body."""
        return self._call("GET" if body is None else "POST", f"{self._session}/{name}", body)

    def devtools(self, command, **parameters):
        return self.send("goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path, width, height=900, scheme="light"):
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)
        self.send("url", {"url": path.resolve().as_uri()})

    def run(self, script, *arguments):
        return self.send("execute/sync", {"script": script, "args": list(arguments)})

    def press(self, key):
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.send("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def read_console(self):
        """What the page said on the console: errors, refusals of its policy."""
        return self.send("se/log", {"type": "browser"})

    def shoot(self, path):
        """A picture of the whole page."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        answer = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))

    def print(self, path):
        """The page on A4 paper."""
        answer = self.devtools(
            "Page.printToPDF", preferCSSPageSize=True, printBackground=True,
            paperWidth=8.27, paperHeight=11.69,
        )  # fmt: skip
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self):
        try:
            self._call("DELETE", self._session, None)
        finally:
            self._process.terminate()
            self._process.wait(10)
