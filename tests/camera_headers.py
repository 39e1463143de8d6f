"""Real headers of capture programs, as text in tests/data/camera_headers."""

from pathlib import Path

from astropy.io import fits

FOLDER = Path(__file__).parent / "data" / "camera_headers"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.hdr")))


def real_header(name: str) -> fits.Header:
    """Header of a file: a card in each line; what follows a card's comment is left out."""
    lines = (FOLDER / f"{name}.hdr").read_text("utf-8").splitlines()
    cards = [line for line in lines if line[8:9] in {"=", " "} and line.strip()]
    header = fits.Header()
    for line in cards:
        header.append(fits.Card.fromstring(line[:80]), end=True)
    return header
