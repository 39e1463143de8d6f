"""Real browsers without a window: Chromium by the DevTools protocol, Firefox by WebDriver BiDi."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import websocket

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    # websocket-client names no origin that the browser would know
    "--remote-allow-origins=*",
)
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 30.0


class Remote(ABC):
    """A browser with a fresh profile that is spoken to by JSON; one page at a time.

    Attributes
    ----------
    complaints : list of str
        Errors and warnings on the console, exceptions, and files that could not be loaded,
        since the page was opened.
    requests : list of str
        Addresses that were asked for since then.
    """

    def __init__(self, words: list[str | Path]) -> None:
        self._process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._last = 0
        self._loaded = False
        self._socket = self._connected()

    @abstractmethod
    def _connected(self) -> websocket.WebSocket:
        """Connection to the page, when the browser has started."""

    @abstractmethod
    def _note(self, message: dict[str, Any]) -> None:
        """Keep what an event tells."""

    @abstractmethod
    def _navigate(self, address: str) -> None:
        """Begin to load an address."""

    @abstractmethod
    def run(self, script: str) -> Any:
        """Value of a JavaScript expression on the page; promises are waited for."""

    @abstractmethod
    def press(self, key: str) -> None:
        """Press and release a key."""

    @abstractmethod
    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move the mouse, press or release it: mouseMoved, mousePressed, mouseReleased."""

    @abstractmethod
    def resize(self, width: int, height: int = 900) -> None:
        """Give the page so many CSS pixels."""

    @abstractmethod
    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like."""

    def _content(self, file: Path) -> str:
        """Content of a file in which the browser tells where it listens."""
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError("the browser ended at once")
            if file.is_file() and (text := file.read_text()).strip():
                return text
            time.sleep(0.05)
        raise RuntimeError("the browser does not start")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=30)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something; its answer."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file from disk and wait until it is loaded."""
        self.open_address(path.as_uri() + fragment)

    def open_address(self, address: str) -> None:
        """Open a page by its address and wait until it is loaded."""
        for each in ("about:blank", address):  # a change of the fragment alone loads nothing
            self.complaints.clear()  # the page before may have lost its server
            self.requests.clear()
            self.expect_load()
            self._navigate(each)
            self.wait_for_load()

    def expect_load(self) -> None:
        """Forget that a page was loaded: what follows leads to another one."""
        self._loaded = False

    def wait_for_load(self) -> None:
        """Wait until the page to which something has led is loaded."""
        end = time.monotonic() + ANSWER_TIMEOUT_S
        while not self._loaded:
            assert time.monotonic() < end, "the page is not loaded"
            self._note(json.loads(self._socket.recv()))

    def follow(self, script: str) -> None:
        """Run a script that leads to another page, and wait for that."""
        self.expect_load()
        self.run(script)
        self.wait_for_load()

    def click(self, x: float, y: float, modifiers: int = 0) -> None:
        """Click at a place of the window; modifiers: 2 Ctrl, 8 Shift."""
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1, modifiers=modifiers)


class Browser(Remote):
    """Chromium."""

    def __init__(self, profile: Path) -> None:
        program = next(
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        )
        self._port_file = profile / "DevToolsActivePort"
        super().__init__([program, *FLAGS, f"--user-data-dir={profile}", "about:blank"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _connected(self) -> websocket.WebSocket:
        port = self._content(self._port_file).split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            page = next(each for each in json.load(answer) if each["type"] == "page")
        return websocket.create_connection(page["webSocketDebuggerUrl"], timeout=ANSWER_TIMEOUT_S)

    def _note(self, message: dict[str, Any]) -> None:
        method, told = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(
                details.get("exception", details).get("description", "exception")
            )
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}:
            self.complaints.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.loadingFailed" and not told.get("canceled"):
            self.complaints.append(f"not loaded: {told['errorText']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def _navigate(self, address: str) -> None:
        self.send("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression on the page; promises are waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else ""
            )

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move the mouse, press or release it: mouseMoved, mousePressed, mouseReleased."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page so many CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def darken(self, *, dark: bool) -> None:
        """Prefer the dark or the light look."""
        value = "dark" if dark else "light"
        feature = {"name": "prefers-color-scheme", "value": value}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            answer = self.send(
                "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
            )
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_to(self, path: Path) -> None:
        """Save what the page looks like on paper, as PDF."""
        answer = self.send(
            "Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.7
        )
        path.write_bytes(base64.b64decode(answer["data"]))


PREFERENCES = {
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    # nothing is reached but loopback, which no proxy is asked for
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}
EVENTS = (
    "browsingContext.load",
    "log.entryAdded",
    "network.beforeRequestSent",
    "network.fetchError",
)
FIREFOX_KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014"}
SHIFT, CONTROL = "\ue008", "\ue009"


class Firefox(Remote):
    """Firefox, which shows the same pages."""

    def __init__(self, profile: Path) -> None:
        program = next(
            found for name in ("firefox-esr", "firefox") if (found := shutil.which(name))
        )
        profile.mkdir(parents=True)
        lines = (f'user_pref("{name}", {json.dumps(to)});' for name, to in PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines))
        self._port_file = profile / "WebDriverBiDiServer.json"
        flags = ("--headless", "--no-remote", "--remote-debugging-port=0")
        super().__init__([program, *flags, "--profile", profile, "about:blank"])
        self.send("session.new", capabilities={})
        self._context = self.send("browsingContext.getTree")["contexts"][0]["context"]
        self.send("session.subscribe", events=EVENTS)

    def _connected(self) -> websocket.WebSocket:
        where = json.loads(self._content(self._port_file))
        address = f"ws://{where['ws_host']}:{where['ws_port']}/session"
        return websocket.create_connection(address, timeout=ANSWER_TIMEOUT_S, suppress_origin=True)

    def _note(self, message: dict[str, Any]) -> None:
        method, told = message.get("method"), message.get("params", {})
        if method == "browsingContext.load" and told["context"] == self._context:
            self._loaded = True
        elif method == "log.entryAdded" and told["level"] in {"error", "warn"}:
            self.complaints.append(str(told.get("text")))
        elif method == "network.fetchError" and told["errorText"] != "NS_BINDING_ABORTED":
            self.complaints.append(f"not loaded: {told['request']['url']} {told['errorText']}")
        elif method == "network.beforeRequestSent":
            self.requests.append(told["request"]["url"])

    def _navigate(self, address: str) -> None:
        self.send("browsingContext.navigate", context=self._context, url=address, wait="none")

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression on the page; promises are waited for."""
        target = {"context": self._context}
        answer = self.send("script.evaluate", expression=script, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return _plain(answer["result"])

    def _act(self, kind: str, actions: list[dict[str, Any]], **more: Any) -> None:
        source = {"type": kind, "id": kind, "actions": actions, **more}
        self.send("input.performActions", context=self._context, actions=[source])

    def press(self, key: str) -> None:
        """Press and release a key."""
        value = FIREFOX_KEYS.get(key, key)
        self._act("key", [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")])

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move the mouse, press or release it, or turn its wheel (mouseWheel)."""
        place = {"x": round(x), "y": round(y)}
        held = {2: CONTROL, 8: SHIFT}.get(more.get("modifiers", 0))
        if held and kind != "mouseReleased":
            self._act("key", [{"type": "keyDown", "value": held}])
        if kind == "mouseWheel":
            turn = {"deltaX": more["deltaX"], "deltaY": more["deltaY"]}
            self._act("wheel", [{"type": "scroll", **place, **turn}])
        else:
            deed = {"mousePressed": "pointerDown", "mouseReleased": "pointerUp"}.get(kind)
            done = [{"type": deed, "button": 0}] if deed else []
            mouse = {"pointerType": "mouse"}
            self._act("pointer", [{"type": "pointerMove", **place}, *done], parameters=mouse)
        if held and kind != "mousePressed":
            self._act("key", [{"type": "keyUp", "value": held}])

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page so many CSS pixels."""
        size = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self._context, viewport=size)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like."""
        origin = "document" if whole else "viewport"
        answer = self.send(
            "browsingContext.captureScreenshot", context=self._context, origin=origin
        )
        path.write_bytes(base64.b64decode(answer["data"]))


def _plain(value: dict[str, Any]) -> Any:
    """Value of Python of one that Firefox describes."""
    kind, content = value["type"], value.get("value")
    if kind == "array":
        return [_plain(each) for each in content]
    if kind == "object":
        return {name: _plain(each) for name, each in content}
    return float(content) if kind == "number" and isinstance(content, str) else content
