"""Random skies whose target is 3 to 30 arcsec off: the right source is found, a wrong one never."""

import numpy as np

from photpipe.distill.identification import Track, told_apart
from photpipe.distill.surroundings import Surroundings
from photpipe.distill.targets import MOVING, Target
from photpipe.distill.whereabouts import looked_for
from photpipe.run.settings import DistillSettings
from tests.unit.calibrated import SCALE_ARCSEC, calibrated_frame, sky_of

MAG = 17.5


def searched(
    seed: int, *, is_there: bool = True, twins: int = 0, step_px: float = 8.0
) -> tuple[Track, list[int | None]]:
    """Track of a target among stars and false sources, and the rows where it really is."""
    rng = np.random.default_rng(seed)
    count, angle = int(rng.integers(4, 13)), rng.uniform(0, 2 * np.pi)
    start = rng.uniform(150, 250, 2)
    way = start + step_px * np.arange(count)[:, None] * [np.cos(angle), np.sin(angle)]
    off, towards = rng.uniform(3.0, 30.0) / SCALE_ARCSEC, rng.uniform(0, 2 * np.pi)
    off_px = off * np.array([np.cos(towards), np.sin(towards)])
    stars = [
        {"x": x, "y": y, "mag": mag}
        for x, y, mag in np.column_stack([rng.uniform(5, 395, (40, 2)), rng.uniform(14, 21, 40)])
    ]
    frames, rows = [], []
    for number in range(count):
        false = [
            {"x": x, "y": y, "mag": mag}
            for x, y, mag in np.column_stack(
                [rng.uniform(5, 395, (15, 2)), rng.uniform(16, 21, 15)]
            )
        ]
        sources = [*stars, *false]
        for twin in range(twins):
            x, y = way[number] + [-30.0, 25.0 + 20 * twin]
            sources.append({"x": x, "y": y, "mag": MAG})
        is_seen = is_there and (number < 2 or rng.uniform() > 0.15)
        rows.append(len(sources) if is_seen else None)
        if is_seen:
            x, y = way[number] + off_px + rng.normal(0, 0.2, 2)
            sources.append({"x": x, "y": y, "mag": MAG + rng.normal(0, 0.1)})
        frames.append(calibrated_frame(sources, number, limiting_mag=21.0))
    ra, dec = np.transpose([sky_of(*place) for place in way])
    target = Target("T", MOVING, ra, dec, np.full(count, 0.2), MAG + rng.uniform(-0.5, 0.8))
    around, settings = Surroundings.of(frames), DistillSettings()
    tracks = told_apart([target], frames, around, settings)
    return looked_for(tracks, frames, around, settings)[0], rows


def tally(seeds: int) -> tuple[int, int, int]:
    """Skies with a target, those where it is found, and sources taken that are others."""
    right, wrong = 0, 0
    for seed in range(seeds):
        track, rows = searched(seed)
        taken = [(own, row) for own, row in zip(track.rows, rows, strict=True) if own is not None]
        others = sum(own != row for own, row in taken)
        wrong += others
        right += track.is_elsewhere and len(taken) - others > len(rows) // 2
    return seeds, right, wrong


def test_the_right_source_is_found_and_never_a_wrong_one() -> None:
    seeds, right, wrong = tally(20)
    assert right >= 0.95 * seeds
    assert wrong == 0


def test_what_is_not_there_is_told_to_be_missing() -> None:
    for seed in range(6):
        track, _ = searched(seed, is_there=False)
        assert not track.is_elsewhere
        assert "not there" in track.whereabouts


def test_of_several_candidates_none_is_taken_and_all_are_named() -> None:
    track, _ = searched(3, is_there=False, twins=2)
    assert not track.is_elsewhere
    assert "several candidates" in track.whereabouts
    assert track.whereabouts.count("of the prediction") == 2


def test_what_hardly_moves_may_be_a_star() -> None:
    track, _ = searched(1, step_px=0.3)
    assert not track.is_elsewhere
