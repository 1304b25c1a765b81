"""Pages of HTML as tests read them: well-formed, complete in themselves, what their figures draw."""
import html.parser
import re
import xml.etree.ElementTree as xml

VOID = {"meta", "br", "img", "hr", "link", "input"}
SVG = "{http://www.w3.org/2000/svg}"


class Balance(html.parser.HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def read_page(t, path, what):
    """The page as XML, after the checks that every page must pass."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    b = Balance()
    b.feed(text)
    b.close()
    t.check(not b.open and not b.wrong, f"{what}: tags are balanced", f"{b.open} {b.wrong}")
    outside = re.findall(r"<script|<link|@import|url\(|\bsrc=|srcset|<iframe|<object", text)
    links = [h for h in re.findall(r'href="([^"]{0,80})', text) if not h.startswith(("data:image/png;base64,", "https://doi.org/", "#"))]
    t.check(not outside and not links, f"{what}: nothing is fetched from elsewhere", f"{outside} {links}")
    lost = set(re.findall(r'href="#([^"]*)', text)) - set(re.findall(r'\bid="([^"]*)', text))
    ids = re.findall(r'\bid="([^"]*)', text)
    t.check(not lost and len(ids) == len(set(ids)), f"{what}: links within the page lead somewhere, no id stands twice", f"{lost} {sorted(ids)}")
    try:
        return xml.fromstring(text.replace("<!DOCTYPE html>", ""))
    except xml.ParseError as e:
        t.check(False, f"{what}: XML", e)
        return None


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def figure(page, **attributes):
    (key, value), = attributes.items()
    key = "class" if key == "kind" else key
    for f in page.iter("figure"):
        if f.get(key) == value:
            return f
    return None


def paths(element):
    """Lists of points of every path that cairo drew: [[(x, y), …], …] by subpath."""
    all_paths = []
    for p in element.iter(SVG + "path"):
        subs = []
        for command, x, y in re.findall(r"([ML]) (\S+) (\S+)", p.get("d", "")):
            if command == "M":
                subs.append([])
            subs[-1].append((float(x), float(y)))
        all_paths.append(subs)
    return all_paths
