"""The window of pp_manident: frames to browse and to click on.

What is marked is kept by `photpipe.manident.marking`, what is seen comes from
`photpipe.manident.display`; here are only the window, its keys and its circles.
"""

import contextlib
import sys
import tkinter as tk
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from photpipe.ground.errors import ConfigError, FrameError
from photpipe.manident.display import DisplayedFrame, View
from photpipe.manident.marking import Marks

GREEN, RED, YELLOW = "#00e000", "#ff3030", "#ffff00"
SOURCES_SHOWN = 2000  # more circles hide the stars, and drawing them takes time
# an aperture by eye; a click that is meant for a star; what can be seen
CIRCLE_PX, SNAP_PX, LEAST_ON_SCREEN_PX = 5.0, 5.0, 6.0
# three turns of the wheel double; a frame of 20 000 px on a screen; pixels as squares
ZOOM_STEP, LEAST_ZOOM, LARGEST_ZOOM = 1.25, 0.02, 32.0
PAN_PART = 0.2  # of the window with a press of an arrow: what was in the middle stays in sight
CACHE_BYTES = 400_000_000  # by judgement: of frames as they are drawn
POLL_MS = 200  # how late Ctrl-C in the terminal is noticed
KEYS = (
    "a/d: browse · right-click: next · left-click: mark (Shift: exactly there) · u: undo · "
    "x: remove mark · wheel: zoom · arrows: move · c: centre · +/-: contrast · q: write and quit"
)


@contextlib.contextmanager
def open_display() -> Iterator[tk.Tk]:
    """Connect with the display; the window stays hidden until it is run.

    Raises
    ------
    ConfigError
        If there is none.
    """
    try:
        root = tk.Tk(className="pp_manident")
    except tk.TclError as error:
        message = (
            f"no window can be opened ({error}); sit at the machine itself, or log in with 'ssh -X'"
        )
        raise ConfigError(message) from error
    root.withdraw()
    try:
        yield root
    finally:
        with contextlib.suppress(tk.TclError):  # the user closed it
            root.destroy()


class Window:
    """Shows frames, takes marks.

    Parameters
    ----------
    root : tk.Tk
        From `open_display`.
    marks : Marks
        Frames and marks; changed by clicks.
    pictures : sequence of DisplayedFrame
        Of the frames, in the order of `marks`.
    zoom : float
        Screen pixels per pixel of the frame at first.
    """

    def __init__(
        self, root: tk.Tk, marks: Marks, pictures: Sequence[DisplayedFrame], zoom: float
    ) -> None:
        self.root, self.marks, self.pictures = root, marks, pictures
        self.number, self.scale, self.contrast = 0, zoom, 0
        ny, nx = marks.sights[0].shape
        self.size = (
            int(min(nx * zoom, 0.95 * root.winfo_screenwidth())),
            int(min(ny * zoom, 0.85 * root.winfo_screenheight())),
        )
        self.centre = ((nx + 1) / 2, (ny + 1) / 2)
        self.remark = ""
        self._rendered: OrderedDict[tuple[int, View], bytes] = OrderedDict()
        self._photo: tk.PhotoImage | None = None
        self._failure: BaseException | None = None
        self._build()

    def _build(self) -> None:
        self.root.title("pp_manident")
        self.status = tk.Label(self.root, anchor="w", font="TkFixedFont")
        self.message = tk.Label(self.root, anchor="w", fg="#004080")
        self.canvas = tk.Canvas(
            self.root, width=self.size[0], height=self.size[1], highlightthickness=0, bg="black"
        )
        self.help = tk.Label(self.root, anchor="w", justify="left", fg="#606060", text=KEYS)
        self.help.config(wraplength=self.size[0])
        self.help.pack(side="bottom", fill="x")
        self.message.pack(side="bottom", fill="x")
        self.status.pack(side="top", fill="x")
        self.canvas.pack(fill="both", expand=True)
        for key, deed in self._deeds().items():
            self._bind(key, deed)
        self.canvas.bind("<Button-1>", self._click)
        next_button = 2 if sys.platform == "darwin" else 3
        self.canvas.bind(f"<Button-{next_button}>", lambda _event: self.show(self.number + 1))
        self.canvas.bind("<Button-4>", lambda event: self.zoom(ZOOM_STEP, event))
        self.canvas.bind("<Button-5>", lambda event: self.zoom(1 / ZOOM_STEP, event))
        self.canvas.bind(
            "<MouseWheel>",
            lambda event: self.zoom(ZOOM_STEP if event.delta > 0 else 1 / ZOOM_STEP, event),
        )
        self.canvas.bind("<Configure>", self._resized)
        self.canvas.bind("<Destroy>", self._forget)
        self.root.report_callback_exception = self._failed

    def _deeds(self) -> dict[str, Callable[[], None]]:
        """What each key does."""
        return {
            "a": lambda: self.show(self.number - 1),
            "d": lambda: self.show(self.number + 1),
            "u": self.undo,
            "x": self.remove,
            "c": self.centre_on_target,
            "q": self.root.destroy,
            "Left": lambda: self.pan(-1, 0),
            "Right": lambda: self.pan(1, 0),
            "Up": lambda: self.pan(0, 1),
            "Down": lambda: self.pan(0, -1),
            **dict.fromkeys(("plus", "equal", "KP_Add", "bracketright"), self.more_contrast),
            **dict.fromkeys(("minus", "KP_Subtract", "bracketleft"), self.less_contrast),
        }

    def _bind(self, key: str, deed: Callable[[], None]) -> None:
        """Bind a key; that of a letter also with Shift or Caps Lock."""
        for name in {key, key.upper()} if len(key) == 1 else {key}:
            self.root.bind(f"<KeyPress-{name}>", lambda _event: deed())

    def _forget(self, _event: "tk.Event[tk.Misc]") -> None:
        """Let go of what only this thread may free; the collector runs in any."""
        self._photo = None
        del self.root.report_callback_exception

    def _failed(
        self, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        """Leave the loop with what went wrong, which Tk would print and forget."""
        self._failure = error
        self.root.destroy()

    def run(self) -> None:
        """Show the window until the user leaves it."""
        self.root.deiconify()
        self.canvas.focus_force()
        self.show(0)
        self._keep_awake()
        self.root.mainloop()
        if self._failure is not None:
            raise self._failure

    def _keep_awake(self) -> None:
        """Let Python see Ctrl-C in the terminal, which the loop of Tk alone would not."""
        self.root.after(POLL_MS, self._keep_awake)

    # -- what is seen

    def view(self, number: int) -> View:
        """Part of a frame in the window: as much sky as on the frame before stays in place."""
        width, height = self.size
        ny, nx = self.marks.sights[number].shape
        x, y = self._centre_on(number)
        x = _within(x, width / self.scale / 2, nx)
        y = _within(y, height / self.scale / 2, ny)
        left, top = x - width / self.scale / 2, y + height / self.scale / 2
        return View(left, top, width, height, self.scale, self.contrast)

    def _centre_on(self, number: int) -> tuple[float, float]:
        """Pixel of another frame that shows the sky in the middle of the window."""
        if number == self.number:
            return self.centre
        sights = self.marks.sights
        x, y = sights[number].pixel_of(*sights[self.number].sky_of(*self.centre))
        return (x, y) if x - x == 0 and y - y == 0 else self.centre

    def rendered(self, number: int) -> bytes:
        """Picture of a frame, as an image of Tk; kept for the next look.

        Raises
        ------
        FrameError
            If its pixels cannot be read.
        """
        view = self.view(number)
        kept = self._rendered.get((number, view))
        if kept is not None:
            return kept
        header = f"P5 {view.width} {view.height} 255\n".encode()
        picture = header + self.pictures[number].render(view).tobytes()
        self._rendered[number, view] = picture
        if len(self._rendered) > max(len(self.pictures), CACHE_BYTES // len(picture)):
            self._rendered.popitem(last=False)
        return picture

    def show(self, number: int) -> None:
        """Show a frame; behind the last one comes the first."""
        number %= len(self.pictures)
        self.centre, self.number = self._centre_on(number), number
        self.remark = ""
        self.draw()

    def draw(self) -> None:
        """Draw the frame and its circles."""
        self.canvas.delete("all")
        try:
            self._photo = tk.PhotoImage(data=self.rendered(self.number))
            self.canvas.create_image(0, 0, image=self._photo, anchor="nw")
        except FrameError as error:
            self.remark = str(error)
        view = self.view(self.number)
        sight = self.marks.sights[self.number]
        for x, y in zip(sight.x_px[:SOURCES_SHOWN], sight.y_px[:SOURCES_SHOWN], strict=True):
            self._circle(view, x, y, GREEN, 1)
        target = self.marks.pixel(self.number)
        if target is not None:
            marked = self.marks.is_marked(self.number)
            self._circle(view, *target, RED if marked else YELLOW, 2)
        self._tell()

    def _circle(self, view: View, x_px: float, y_px: float, colour: str, width: int) -> None:
        x, y = view.to_screen(x_px, y_px)
        if 0 <= x <= view.width and 0 <= y <= view.height:
            radius = max(LEAST_ON_SCREEN_PX, CIRCLE_PX * view.scale) * (1 + 0.4 * (width > 1))
            self.canvas.create_oval(
                x - radius, y - radius, x + radius, y + radius, outline=colour, width=width
            )

    def _tell(self) -> None:
        sight = self.marks.sights[self.number]
        registered = "" if sight.is_registered else " · not registered"
        self.status.config(
            text=f"{self.number + 1}/{len(self.pictures)}  {sight.name}  "
            f"JD {sight.midtime_jd:.6f}  zoom {self.scale:.2f}{registered}"
        )
        self.message.config(text=self.remark or self.advice())

    def advice(self) -> str:
        """What to do next."""
        count = len(self.marks)
        if count == 0:
            return "Click on the target."
        if self.marks.position(self.number) is None:
            return "One frame is marked. Click on the target here, too, or on any other frame."
        if count == 1:
            return "One frame is marked. Go to another one (d or right-click) and click there."
        if self.marks.is_marked(self.number):
            return f"{count} frames are marked. Browse: yellow is where the target should be."
        target = self.marks.pixel(self.number)
        ny, nx = self.marks.sights[self.number].shape
        if target is not None and not (0 < target[0] < nx + 1 and 0 < target[1] < ny + 1):
            return f"{count} frames are marked. The target should lie outside of this frame."
        return f"{count} frames are marked. If yellow is wrong, click on the target; q ends."

    # -- what the user does

    def _click(self, event: "tk.Event[tk.Canvas]") -> None:
        sight = self.marks.sights[self.number]
        x, y = self.view(self.number).to_frame(event.x, event.y)
        ny, nx = sight.shape
        if not (0.5 <= x <= nx + 0.5 and 0.5 <= y <= ny + 0.5):
            self.remark = "No image."
        else:
            exactly = bool(int(event.state) & 1)  # Shift
            reach = 0.0 if exactly else max(SNAP_PX, LEAST_ON_SCREEN_PX / self.scale)
            self.marks.mark(self.number, *sight.snapped(x, y, reach))
            self.remark = ""
        self.draw()

    def undo(self) -> None:
        """Take the last mark back, and show its frame."""
        number = self.marks.undo()
        if number is None:
            self.remark = "There is nothing to undo."
            self.draw()
        else:
            self.show(number)

    def remove(self) -> None:
        """Take the mark of this frame away."""
        self.marks.remove(self.number)
        self.remark = ""
        self.draw()

    def more_contrast(self) -> None:
        """Show fainter things."""
        self.contrast += 1
        self.draw()

    def less_contrast(self) -> None:
        """Show what is in bright things."""
        self.contrast -= 1
        self.draw()

    def zoom(self, factor: float, event: "tk.Event[tk.Canvas]") -> None:
        """Change the scale; what is under the pointer stays there."""
        x, y = self.view(self.number).to_frame(event.x, event.y)
        self.scale = min(max(self.scale * factor, LEAST_ZOOM), LARGEST_ZOOM)
        self.centre = (
            x + (self.size[0] / 2 - event.x) / self.scale,
            y - (self.size[1] / 2 - event.y) / self.scale,
        )
        self._settle()

    def pan(self, right: int, up: int) -> None:
        """Move over the frame by a fifth of the window."""
        x, y = self.centre
        width, height = self.size
        self.centre = (
            x + right * PAN_PART * width / self.scale,
            y + up * PAN_PART * height / self.scale,
        )
        self._settle()

    def centre_on_target(self) -> None:
        """Bring the target, as far as it is known, into the middle."""
        self.centre = self.marks.pixel(self.number) or self.centre
        self._settle()

    def _settle(self) -> None:
        """Draw what the frame has of the view wanted, and go on from there."""
        view = self.view(self.number)
        self.centre = view.to_frame(view.width / 2, view.height / 2)
        self.draw()

    def _resized(self, event: "tk.Event[tk.Canvas]") -> None:
        size = event.width, event.height
        if size != self.size:
            self.size = size
            self.help.config(wraplength=size[0])
            self.draw()


def _within(centre: float, half: float, size: int) -> float:
    """Middle of a view so that it shows no more of the outside than it has to."""
    if 2 * half >= size:
        return (size + 1) / 2
    return min(max(centre, half + 0.5), size + 0.5 - half)
