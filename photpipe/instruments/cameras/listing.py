"""What `toolbox.py` prints of cameras without an entry: facts, memories, a ready entry."""

from photpipe.instruments.cameras import fact_lines, memory
from photpipe.instruments.cameras.bands import choice_of
from photpipe.instruments.cameras.facts import SOLUTIONS, CameraFacts
from photpipe.instruments.cameras.memory import Learned

_ENTRY = """\
# {name}: into setup/mytelescopes.py, after a look at every value
{variable}_param = {{
    **generic_param,
    "telescope_instrument": "{name}",
    "telescope_keyword": "{keyword}",
    "observatory_code": "{code}",
    "secpix": ({scale_x:.5f}, {scale_y:.5f}),  # arcsec per unbinned pixel ({origin})
    "flipx": {flipx},
    "flipy": False,
    "rotate": {rotate:.1f},
    "binning": {binning},
    "ra": "{ra}",
    "dec": "{dec}",
    "radec_separator": "{separator}",
    "date_keyword": "{date}",
    "exptime": "{exptime}",
    "object": "{object}",
    "filter": "{filter}",
    "filter_translations": {{"{filter_name}": "{band}"}},
    "gain": {gain},
    "identified_by": ("{identifier}",),
}}
implemented_telescopes.append("{keyword}")
telescope_parameters["{keyword}"] = {variable}_param
instrument_identifiers["{identifier}"] = "{keyword}"
"""


def explained(frame: str, facts: CameraFacts) -> tuple[list[str], bool]:
    """Lines that tell the facts of a frame, and whether a run would lack nothing."""
    lines = [f"{frame}: {facts.bundle.name}, a camera without an entry ({facts.bundle.keyword})"]
    for fact in fact_lines.told(facts):
        doubt = f"; {fact.doubt}" if fact.doubt else ""
        lines.append(f"  {fact.name:14}{fact.value:48} {fact.origin}{doubt}".rstrip())
    learned = memory.recall(facts.bundle.identity)
    if learned is not None:
        lines.append(f"  {'remembered':14}{_remembered(learned)}")
    lines += [f"  {'MISSING':14}{each.name}: {each.advice}" for each in facts.missing]
    return lines, not facts.missing


def cameras(wanted: str) -> list[str]:
    """One line for each camera that is remembered; of one, its identity or name, or ``all``."""
    rows = sorted(memory.known().values(), key=lambda each: (each.name, each.identity))
    chosen = [each for each in rows if wanted in {"all", each.identity, each.name}]
    if not chosen:
        return [f"no camera {'' if wanted == 'all' else wanted + ' '}is remembered"]
    return [f"{each.identity}  {each.name}: {_remembered(each)}" for each in chosen]


def _remembered(learned: Learned) -> str:
    parity = "mirrored" if learned.mirrored else "not mirrored"
    gain = "" if learned.gain is None else f", {learned.gain:.3g} e-/ADU"
    level = "" if learned.saturation_adu is None else f", saturated at {learned.saturation_adu:g}"
    return (
        f"{learned.scale_arcsec:.4f} arcsec per pixel, rotated by {learned.rotation_deg:.1f} deg, "
        f"{parity}{gain}{level}; {learned.frames} frames until {learned.seen}"
    )


def entry(facts: CameraFacts) -> str:
    """A paragraph for ``setup/mytelescopes.py`` made of the facts of a frame."""
    learned = memory.recall(facts.bundle.identity)
    binned = facts.binning.value
    hint = facts.scale_arcsec
    scale = hint.value if hint else (1.0, 1.0)
    origin = hint.origin if hint else "unknown: a guess"
    if learned:
        scale, origin = (learned.scale_arcsec,) * 2, SOLUTIONS
    pointing = facts.pointings[0].origin.split(", ") if facts.pointings else ["RA", "DEC"]
    is_degrees = pointing[0] in {"RA", "CRVAL1"}
    cards = facts.binning.origin.split(", ")
    keyword = facts.bundle.keyword.removeprefix("CAM_").upper()
    return _ENTRY.format(
        name=facts.bundle.name,
        variable="".join(c if c.isalnum() else "_" for c in keyword.lower()),
        keyword=keyword,
        code=facts.observatory_code.value if facts.observatory_code else "500",
        scale_x=scale[0] / binned[0],
        scale_y=scale[1] / binned[1],
        origin=origin,
        flipx=not learned.mirrored if learned else True,
        rotate=learned.rotation_deg if learned else 0.0,
        binning=tuple(cards) if len(cards) == 2 else binned,
        ra=pointing[0],
        dec=pointing[-1],
        separator="XXX" if is_degrees else " ",
        date="DATE-OBS",
        exptime=facts.exptime_s.origin if facts.exptime_s else "EXPTIME",
        object=facts.object_name.origin if facts.object_name else "OBJECT",
        filter="FILTER" if facts.filter_name.origin == "no card" else facts.filter_name.origin,
        filter_name=facts.filter_name.value,
        band=choice_of(facts.filter_name.value).band,
        gain=f'"{facts.gain.origin}"' if facts.gain else None,
        identifier=facts.bundle.instrument or facts.bundle.telescope,
    )
