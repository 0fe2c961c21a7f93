"""Reads a page as a browser would, as far as tests need it."""

from html.parser import HTMLParser

RUNNING_TAGS = {
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "base",
    "link",
    "math",
    "img",
    "frame",
}


class Reader(HTMLParser):
    """Collects tags, attributes, JSON scripts, and everything that could run or fetch."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.running, self.scripts, self.policy, self.texts = [], [], {}, None, []
        self._script = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        elif tag == "meta" and "http-equiv" in found:
            self.running.append((tag, found))
        if tag == "script":
            self._script = found.get("id")
            if found.get("type") != "application/json" or "src" in found:
                self.running.append((tag, found))
        self._check(tag, found)

    def _check(self, tag, found):
        outside = any(
            name in ("src", "href", "xlink:href", "action", "data")
            and not str(value).startswith("#")
            for name, value in found.items()
        )
        handlers = any(name.startswith("on") for name in found)
        if tag in RUNNING_TAGS or outside or handlers:
            self.running.append((tag, found))

    def handle_endtag(self, tag):
        if tag == "script":
            self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        else:
            self.texts.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)
