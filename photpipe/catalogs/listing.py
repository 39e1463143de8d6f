"""What the catalogs can do, as tables for the terminal and for the manual."""

from photpipe.catalogs.calibrators import bands_of
from photpipe.catalogs.spec import CatalogSpec, MastTable, VizierTable
from photpipe.catalogs.surveys import CATALOGS
from photpipe.science import published

LEGEND = "* through a published transformation from the other bands"


def listing() -> str:
    """The capability table as `catalog.py -list` prints it: one catalog a line."""
    rows = [("catalog", "type", "registration", "bands", "coverage; remarks")]
    rows += [
        (
            spec.name,
            kind(spec),
            "yes" if spec.registration else "no",
            bands_with_systems(spec),
            remarks(spec),
        )
        for spec in CATALOGS.values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]
    return "\n".join([*lines, LEGEND])


def kind(spec: CatalogSpec) -> str:
    """What a catalog is good for: ``astrometric``, ``photometric`` or both."""
    roles = ("astrometric" if spec.registration else "", "photometric" if spec.photometric else "")
    return "/".join(filter(None, roles))


def bands_with_systems(spec: CatalogSpec) -> str:
    """Bands grouped by magnitude system, e.g. ``g r i z (AB); B* V* R* I* (Vega)``."""
    systems = {t.band: t.system for t in published.TRANSFORMATIONS if t.family in spec.families}
    systems |= {band.name: band.system for band in spec.bands}
    groups: dict[str, list[str]] = {}
    for band in bands_of(spec):
        groups.setdefault(systems[band.rstrip("*")], []).append(band)
    return "; ".join(f"{' '.join(bands)} ({system})" for system, bands in groups.items())


def remarks(spec: CatalogSpec) -> str:
    """Coverage, useful magnitudes and the comment of a catalog."""
    low, high = spec.mag_range
    return f"{spec.coverage}, {spec.limit_band} {low:g} to {high:g}; {spec.comment}"


def catalogs_markdown() -> str:
    """Table of the catalogs for the manual."""
    head = ("Name", "Catalog", "Registration", "Bands", "Coverage, remarks", "Source", "Paper")
    return _markdown(
        head,
        [
            (
                f"`{spec.name}`",
                spec.title,
                "yes" if spec.registration else "no",
                bands_with_systems(spec).replace("*", "\\*"),
                remarks(spec),
                _address(spec),
                _paper(spec.reference),
            )
            for spec in CATALOGS.values()
        ],
    )


def cuts_markdown() -> str:
    """Table of what a star must be to serve, for the manual."""
    rows = []
    for spec in CATALOGS.values():
        in_bands = (cut for band in spec.bands for cut in band.cuts)
        cuts = (spec.astrometry_cuts, spec.photometry_cuts, in_bands)
        cells = ["; ".join(dict.fromkeys(cut.why for cut in each)) for each in cuts]
        if any(cells):
            rows.append((f"`{spec.name}`", *cells))
    return _markdown(("Name", "For registration", "For calibration", "In each band"), rows)


def transformations_markdown() -> str:
    """Table of the published transformations for the manual."""
    return _markdown(
        ("From", "Relation", "Result", "Range", "Error", "Reference", "Remarks"),
        [
            (
                row.family,
                str(row),
                f"{row.band} ({row.system})",
                "; ".join(str(limits) for limits in row.valid),
                _error_of(row),
                f"{row.citation}, {_paper(row.reference)}",
                row.note,
            )
            for row in published.TRANSFORMATIONS
        ],
    )


def solar_markdown() -> str:
    """Table of the solar colors behind ``-solar`` for the manual."""
    return _markdown(
        ("Bands of", "Color", "Sun, mag", "Reference"),
        [
            (sun.family, "−".join(sun.color), f"{sun.mag:.2f}", sun.reference)
            for sun in published.SOLAR_COLORS
        ],
    )


def _error_of(row: published.Transformation) -> str:
    parts = [f"scatter {row.scatter_mag:g}"] if row.scatter_mag else []
    if row.coefficient_errors:
        parts.append(f"coefficients {', '.join(f'{e:g}' for e in row.coefficient_errors)}")
    return "; ".join(parts)


def _address(spec: CatalogSpec) -> str:
    source = spec.source
    if isinstance(source, VizierTable):
        return f"VizieR {source.table}"
    if isinstance(source, MastTable):
        return f"MAST {source.release} {source.table}"
    return f"SkyServer DR{source.release} PhotoPrimary"


def _paper(bibcode: str) -> str:
    return f"[{bibcode}](https://ui.adsabs.harvard.edu/abs/{bibcode.replace('&', '%26')})"


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
