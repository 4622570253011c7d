"""Reading a page as a browser would."""

from html.parser import HTMLParser

VOID = ("meta", "img", "br", "use", "path", "circle", "rect", "link", "hr", "input")


class Page(HTMLParser):
    """Every address and id, what a reader sees, and the balance of the tags."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.classes = [], [], []
        self.tags, self.open, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def _note(self, attrs):
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)
            if name == "class":
                self.classes += value.split()

    @property
    def seen(self):
        return " ".join(" ".join(self.words).split())
