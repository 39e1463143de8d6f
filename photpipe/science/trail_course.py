"""A trail whose brightness may change: its ends, its width and its course of brightness together.

Where a body brightens towards one end, the trail looks shifted; where it is faint at both, it looks
short. Ends that are fitted as if the brightness were even are then off by far more than their
errors. Here the trail is cut into parts, whose fluxes are fitted with the ends (Gauss-Newton). That
brightness is even but for a random course of a small amplitude is what is known beforehand: waves
of any phase, of lengths from the width of a star to several trails, all as likely. The amplitude
comes from the data: each of a few is weighted by its evidence (MacKay 1992, Neural Computation 4,
415), so an even trail keeps small errors, and one that varies gets those that it deserves.
"""

from dataclasses import dataclass, replace

import numpy as np

from photpipe.ground.sky import FloatArray
from photpipe.science.target_trail import (
    MOST_OUTLIERS,
    OUTLIER_SIGMA,
    REACH_FWHM,
    STEP_PX,
    WIDTH_SIGMA,
    Pixels,
    Segment,
    StarShape,
    Trail,
    TrailImage,
    near_segment,
)

PART_FWHM = 0.6  # length of the parts: shorter ones are nothing but noise
FEWEST_PARTS, MOST_PARTS = 4, 200  # by judgement: of a short trail, and what a long one can cost
# rms of the brightness in units of its mean (0.1 is 0.3 mag from maximum to minimum), and how
# likely each is beforehand: small bodies, which are those that trail, mostly turn in minutes and
# vary by 0.1 to 1 mag (Warner et al. 2009, Icarus 202, 134)
AMPLITUDES = np.array([0.0, 0.03, 0.1, 0.25])
LIKELY = np.array([0.2, 0.1, 0.35, 0.35])
WAVES = 60  # of the lengths that a course is made of
LONGEST_WAVE = 4.0  # in units of the trail: longer ones are slopes
PLACES = 5  # both ends and the width
STEPS = 3  # of Gauss-Newton; the fourth moves ends by less than a thousandth of a pixel
LONGEST_STEP_FWHM = 0.5  # of an end in one of them


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Brightness along a trail as the pixels have it, whatever the ends are.

    Parameters
    ----------
    flux : array, shape (parts,)
        Of equal parts, in units of their mean.
    covariance : array, shape (parts, parts)
        With what the ends, the width and the sky leave open, and nothing assumed of the course.
    """

    flux: FloatArray
    covariance: FloatArray


def fit(stamp: Pixels, shape: StarShape, trail: Trail) -> tuple[Trail, Course] | None:
    """Fit ends and brightness of a trail whose ends were fitted as if it were even.

    Returns
    -------
    Trail, Course or None
        None where the fit leaves the trail.
    """
    data = near_segment(stamp, trail.segment, REACH_FWHM * shape.fwhm_px)
    fitting = _Joint(data, shape, trail)
    for _ in range(STEPS):
        if not fitting.step():
            return None
    return fitting.trail(trail), fitting.course()


def _roots(parts: int, length_px: float, fwhm_px: float) -> FloatArray:
    """Matrix whose square is the covariance of parts of unit amplitude; shape (parts, parts)."""
    along = (np.arange(parts) + 0.5) / parts * length_px
    longest = max(LONGEST_WAVE * length_px, 2 * fwhm_px)
    waves = np.exp(np.linspace(np.log(fwhm_px), np.log(longest), WAVES))[:, None]
    phase = 2 * np.pi * along / waves
    blunt = np.sinc(length_px / parts / waves)
    rows = np.concatenate([blunt * np.cos(phase), blunt * np.sin(phase)]) / np.sqrt(WAVES)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


class _Joint:
    """Ends, width and fluxes of the parts on their way to the best ones."""

    def __init__(self, data: Pixels, shape: StarShape, trail: Trail) -> None:
        self.data, self.shape = data, shape
        self.place = np.array([*_ends(trail.segment), np.log(trail.width)])
        length = trail.segment.length
        count = int(np.clip(round(length / (PART_FWHM * shape.fwhm_px)), FEWEST_PARTS, MOST_PARTS))
        self.flux = np.full(count, trail.flux / count)
        self.root = _roots(count, length, shape.fwhm_px)
        x, y = np.subtract(data.x_px, trail.segment.middle[0]), data.y_px - trail.segment.middle[1]
        scale = max(length, 10.0)
        self.plane = np.stack([np.ones(x.size), x / scale, y / scale])
        self.weight = np.zeros(x.size)
        self.covariance = np.zeros((PLACES + count, PLACES + count))

    def parts(self, image: TrailImage, place: FloatArray) -> FloatArray:
        """Light of the parts, each of unit flux; shape (parts, pixels)."""
        data, width = self.data, float(place[4])
        segment = Segment(*place[:4].tolist())
        return image.parts(data.x_px, data.y_px, segment, len(self.flux), width)

    def columns(self) -> FloatArray:
        """How the pixels change with ends, width and fluxes; shape (5 + parts + 3, pixels).

        Where a trail turns by a little, the image of a star that is not round hardly does.
        """
        image = TrailImage(self.shape, Segment(*self.place[:4].tolist()).direction)
        slopes = []
        for number in range(PLACES):
            step = np.zeros(PLACES)
            step[number] = STEP_PX
            change = self.parts(image, self.place + step) - self.parts(image, self.place - step)
            slopes.append(self.flux @ change / (2 * STEP_PX))
        return np.concatenate([slopes, self.parts(image, self.place), self.plane])

    def step(self) -> bool:
        """One step of Gauss-Newton; False where it leads away."""
        columns = self.columns()
        self._weigh(columns)
        self.normal, self.right = self._equations(columns)
        change, self.covariance = self._weighted()
        ends = change[:4]
        longest = LONGEST_STEP_FWHM * self.shape.fwhm_px
        shrink = min(1.0, longest / max(float(np.abs(ends).max()), 1e-9))
        self.place = self.place + shrink * change[:PLACES]
        self.flux = change[PLACES:]
        return bool(np.isfinite(change).all() and self.flux.sum() > 0)

    def _weigh(self, columns: FloatArray) -> None:
        """Inverse variances of the pixels for the present light; none for outliers."""
        light = self.flux @ columns[PLACES:-3]
        weight = self.data.weights(light)
        values = np.nan_to_num(self.data.values) - light
        plane = self.plane * weight
        sky = np.linalg.pinv(plane @ self.plane.T, hermitian=True) @ (plane @ values) @ self.plane
        wild = np.sqrt(weight) * np.abs(values - sky) > OUTLIER_SIGMA
        self.weight = np.where(wild, 0.0, weight) if wild.mean() < MOST_OUTLIERS else weight

    def _equations(self, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Normal equations of ends, width and fluxes, with the sky left free."""
        weighted = columns * self.weight
        normal, right = weighted @ columns.T, weighted @ np.nan_to_num(self.data.values)
        normal[4, 4] += WIDTH_SIGMA**-2
        right[4] -= self.place[4] * WIDTH_SIGMA**-2
        sky = np.linalg.solve(normal[-3:, -3:], np.c_[normal[-3:, :-3], right[-3:]])
        return (
            normal[:-3, :-3] - normal[:-3, -3:] @ sky[:, :-1],
            right[:-3] - normal[:-3, -3:] @ sky[:, -1],
        )

    def _weighted(self) -> tuple[FloatArray, FloatArray]:
        """Changes of ends and width, new fluxes, and their covariance, over all amplitudes."""
        found = [self._with(amplitude) for amplitude in AMPLITUDES]
        evidence = np.array([each[2] for each in found]) + np.log(LIKELY)
        share = np.exp(evidence - evidence.max())
        share /= share.sum()
        best = np.sum([part * each[0] for part, each in zip(share, found, strict=True)], axis=0)
        covariance = np.sum(
            [
                part * (each[1] + np.outer(each[0] - best, each[0] - best))
                for part, each in zip(share, found, strict=True)
            ],
            axis=0,
        )
        return best, covariance

    def _with(self, amplitude: float) -> tuple[FloatArray, FloatArray, float]:
        """Solution, covariance and logarithm of the evidence for an amplitude."""
        count = len(self.flux)
        turn = np.zeros((PLACES + count, PLACES + 1 + count))
        turn[:PLACES, :PLACES] = np.eye(PLACES)
        turn[PLACES:, PLACES] = 1.0
        turn[PLACES:, PLACES + 1 :] = amplitude * self.flux.mean() * self.root
        normal = turn.T @ self.normal @ turn
        normal[PLACES + 1 :, PLACES + 1 :] += np.eye(count)
        right = turn.T @ self.right
        # all terms of about one size
        scale = 1.0 / np.sqrt(np.diag(normal))
        inverse = np.linalg.pinv(normal * np.outer(scale, scale), hermitian=True)
        inverse *= np.outer(scale, scale)
        best = inverse @ right
        log_volume = np.linalg.slogdet(normal * np.outer(scale, scale))[1] - 2 * np.log(scale).sum()
        return turn @ best, turn @ inverse @ turn.T, float(right @ best - log_volume) / 2

    def trail(self, trail: Trail) -> Trail:
        """The trail with its errors."""
        light = self.covariance[PLACES:, PLACES:].sum()
        return replace(
            trail,
            segment=Segment(*self.place[:4].tolist()),
            covariance=self.covariance[:4, :4],
            width=float(np.exp(self.place[4])),
            flux=float(self.flux.sum()),
            error=float(np.sqrt(light)),
        )

    def course(self) -> Course:
        """Brightness of the parts, with nothing assumed of it."""
        normal, right = self.normal, self.right
        places = np.linalg.solve(
            normal[:PLACES, :PLACES], np.c_[normal[:PLACES, PLACES:], right[:PLACES]]
        )
        information = normal[PLACES:, PLACES:] - normal[PLACES:, :PLACES] @ places[:, :-1]
        covariance = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
        flux = covariance @ (right[PLACES:] - normal[PLACES:, :PLACES] @ places[:, -1])
        mean = self.flux.mean()
        return Course(flux / mean, covariance / mean**2)


def _ends(segment: Segment) -> list[float]:
    return [segment.x0, segment.y0, segment.x1, segment.y1]
