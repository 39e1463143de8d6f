"""Synthetic tracking: faint movers behind stars are found, noise and bad frames make none."""

from dataclasses import dataclass

import numpy as np
import pytest

from photpipe.science import resampling, trackfit, tracking
from photpipe.science.starimage import GAUSSIAN_FWHM
from photpipe.science.tracking import StarlessFrames, UniformMotion

FASTEST = 5.0


@dataclass(frozen=True)
class Sim:
    """Frames, and the movers in them: rows of x, y, vx, vy, true S/N of one frame."""

    images: np.ndarray
    minutes: np.ndarray
    exptime_min: np.ndarray
    fwhm_px: np.ndarray
    truth: np.ndarray

    def series(self) -> StarlessFrames:
        return tracking.series(self.images.copy(), self.minutes, self.exptime_min, self.fwhm_px)


def simulated(
    seed: int,
    size: int = 1024,
    frames: int = 30,
    movers: int = 10,
    stars: int = 400,
    snr: tuple[float, float] = (1.5, 10.0),
    rates: tuple[float, float] = (0.2, 3.0),
) -> Sim:
    """Frames of a minute each, one every 75 s, at 1 arcsec per pixel, with seeing of 3 pixels."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(frames) * 1.25
    minutes -= minutes.mean()
    images = rng.normal(0, 10, (frames, size, size)).astype(np.float32)
    fwhm = 3.0 * rng.uniform(0.95, 1.05, frames)
    for _ in range(stars):
        place, flux = rng.uniform(20, size - 20, 2), 10 ** rng.uniform(2.5, 5.5)
        for image, width in zip(images, fwhm, strict=True):
            paint(image, place, flux, width, (0.0, 0.0), rng)
    truth = []
    noise = 10 * np.sqrt(4 * np.pi) * 3.0 / GAUSSIAN_FWHM
    while len(truth) < movers:
        place, angle = rng.uniform(20, size - 20, 2), rng.uniform(0, 2 * np.pi)
        rate = rng.uniform(*rates) * np.array([np.cos(angle), np.sin(angle)])
        path = place + rate * minutes[:, None]
        if path.min() < 20 or path.max() > size - 20:
            continue
        each = 10 ** rng.uniform(*np.log10(snr))
        for image, here, width in zip(images, path, fwhm, strict=True):
            paint(image, here, each * noise, width, tuple(rate), None)
        truth.append((*place, *rate, each))
    return Sim(images, minutes, np.ones(frames), fwhm, np.array(truth).reshape(-1, 5))


def paint(image, place, flux, fwhm, trail, rng) -> None:
    """Add a source, and its photon noise if there is a generator."""
    column, row = np.round(place).astype(int)
    axis = np.arange(-12, 13)
    light = flux * tracking.trailed_psf(
        axis[None, :] - (place[0] - column), axis[:, None] - (place[1] - row), fwhm, trail
    )
    if rng is not None:
        light = rng.normal(light, np.sqrt(np.maximum(light, 0)))
    image[row - 12 : row + 13, column - 12 : column + 13] += light.astype(np.float32)


def found(sim: Sim, jobs: int = 2) -> list[trackfit.Sighting]:
    night = sim.series()
    tracks, decoys = tracking.search(night, 0.05, FASTEST, jobs)
    return trackfit.sightings(night, tracks, decoys, FASTEST)


def matched(sim: Sim, sightings: list[trackfit.Sighting]) -> dict[int, trackfit.Body]:
    """Body of each true mover that was found, by its number."""
    pairs = {}
    for each in sightings:
        track = each.body.track
        here = np.array([track.x_px, track.y_px, 10 * track.vx, 10 * track.vy])
        apart = np.abs(sim.truth[:, :4] * [1, 1, 10, 10] - here).max(axis=1)
        if apart.size and apart.min() < 3.0:
            pairs.setdefault(int(apart.argmin()), each.body)
    return pairs


@pytest.fixture(scope="module")
def sim() -> Sim:
    return simulated(3, size=256, frames=16, movers=5, stars=40, snr=(3.0, 8.0), rates=(0.4, 2.5))


@pytest.fixture(scope="module")
def sightings(sim: Sim) -> list[trackfit.Sighting]:
    return found(sim)


def test_movers_are_found_and_nothing_else(sim: Sim, sightings: list[trackfit.Sighting]) -> None:
    pairs = matched(sim, sightings)
    assert len(pairs) == len(sim.truth)
    assert len(sightings) == len(sim.truth)


def test_places_and_rates_agree_with_their_errors(
    sim: Sim, sightings: list[trackfit.Sighting]
) -> None:
    pulls = []
    for number, body in matched(sim, sightings).items():
        track = body.track
        here = np.array([track.x_px, track.y_px, track.vx, track.vy])
        pulls.append((here - sim.truth[number, :4]) / np.sqrt(np.diag(body.covariance)[:4]))
    assert 0.6 < np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_places_of_groups_and_pictures(sim: Sim, sightings: list[trackfit.Sighting]) -> None:
    for each in sightings:
        track = each.body.track
        assert 2 <= len(each.places) <= 5
        for place in each.places:
            x, y = track.x_px + track.vx * place.minutes, track.y_px + track.vy * place.minutes
            apart = np.hypot((place.x_px - x) / place.sigma_x, (place.y_px - y) / place.sigma_y)
            assert apart < 5
        assert each.cutout.shape == (41, 41)
        middle = each.cutout[17:24, 17:24].sum()
        assert middle > 5 * np.abs(each.cutout[:7, :7].sum())


def test_noise_and_stars_alone_make_nothing() -> None:
    assert found(simulated(5, size=256, frames=16, movers=0, stars=60)) == []


def test_two_bad_frames_make_no_mover() -> None:
    sim = simulated(6, size=128, frames=12, movers=0, stars=0)
    for number, place in ((2, (50.0, 60.0)), (9, (64.0, 66.0))):
        paint(sim.images[number], np.array(place), 3e4, 3.0, (0.0, 0.0), None)
    assert found(sim) == []


def test_a_bright_body_is_one_body() -> None:
    sim = simulated(8, size=192, frames=10, movers=1, stars=10, snr=(150, 200), rates=(1.5, 2.0))
    sightings = found(sim)
    assert len(sightings) == 1
    track = sightings[0].body.track
    assert np.abs(np.array([track.x_px, track.y_px]) - sim.truth[0, :2]).max() < 0.1


def test_a_body_that_is_on_one_frame_alone_is_none() -> None:
    sim = simulated(7, size=96, frames=10, movers=0, stars=0)
    paint(sim.images[4], np.array([48.0, 48.0]), 5e3, 3.0, (0.0, 0.0), None)
    night = sim.series()
    body = trackfit.fit(night, UniformMotion(48.0, 48.0, 0.5, 0.5, 6.0))
    assert body is None or not trackfit.is_real(body, 6.0)


def test_a_mover_where_frames_have_no_data() -> None:
    sim = simulated(9, size=160, frames=14, movers=1, stars=0, snr=(6, 7), rates=(1.0, 1.5))
    sim.images[::4, :, :] = np.nan
    assert len(matched(sim, found(sim))) == 1


def test_the_trailed_image_has_unit_light_and_the_length_of_the_trail() -> None:
    axis = np.arange(-40, 41.0)
    for trail in ((0.0, 0.0), (12.0, 0.0), (9.0, -16.0)):
        image = tracking.trailed_psf(axis[None, :], axis[:, None], 4.0, trail)
        assert image.sum() == pytest.approx(1.0, abs=1e-3)
        second = (image * axis[None, :] ** 2).sum()
        assert second == pytest.approx((4.0 / GAUSSIAN_FWHM) ** 2 + trail[0] ** 2 / 12, rel=1e-3)


def test_frames_come_to_one_grid() -> None:
    x, y = np.meshgrid(np.arange(100.0), np.arange(80.0))
    image = np.sin(x / 9) + np.cos(y / 7)
    image[60:, 70:] = np.nan
    mesh_x, mesh_y = resampling.mesh((70, 90))
    there = resampling.resampled(image, mesh_x + 2.5, mesh_y + 3.25, (70, 90))
    expected = np.sin((x[:70, :90] + 2.5) / 9) + np.cos((y[:70, :90] + 3.25) / 7)
    seen = np.isfinite(there)
    assert np.abs(there - expected)[seen & (x[:70, :90] > 3) & (y[:70, :90] > 3)].max() < 0.002
    assert not seen[60:, 70:].any()
    assert seen[5:50, 5:60].all()


def test_the_level_of_the_sky_is_taken_away() -> None:
    x, y = np.meshgrid(np.arange(256.0), np.arange(256.0))
    image = (100 + 0.05 * x - 0.02 * y).astype(np.float32)
    assert np.abs(resampling.flattened(image)[40:-40, 40:-40]).max() < 0.5


def test_more_trials_want_more_significance(sim: Sim) -> None:
    night = sim.series()
    assert trackfit.threshold(night, 5.0, 5.0) > trackfit.threshold(night, 0.5, 5.0) >= 5.0
    assert trackfit.threshold(night, 5.0, 5.0) > trackfit.threshold(night, 1.0, 1.0)


def test_what_is_no_more_than_a_hole_is_no_mover() -> None:
    sim = simulated(9, size=160, frames=14, movers=2, stars=0, snr=(6, 7), rates=(1.0, 1.5))
    paint_movers = found(sim)
    assert len(paint_movers) == 2
    night = sim.series()
    tracks, _ = tracking.search(night, 0.05, FASTEST, 2)
    track = tracks[0]
    decoy = UniformMotion(track.x_px, track.y_px, track.vx, track.vy, track.snr)
    night.residual[:] *= -1  # what was a mover is the deepest hole now
    assert trackfit.sightings(night, [], [decoy], FASTEST) == []
    assert trackfit._real(sim.series(), decoy, 5.0) is not None


@pytest.mark.parametrize("seed", [13, 14])
def test_the_light_of_a_slow_body_is_not_taken_for_a_star(seed: int) -> None:
    """It is on a third of the frames wherever it passes; the median has half of its light."""
    sim = simulated(seed, size=128, frames=30, movers=1, stars=0, snr=(8, 9), rates=(0.25, 0.3))
    body = matched(sim, found(sim))[0]
    noise = 10 * np.sqrt(4 * np.pi) * 3.0 / GAUSSIAN_FWHM
    assert body.flux == pytest.approx(sim.truth[0, 4] * noise, rel=0.06)
    assert body.track.snr > 0.65 * sim.truth[0, 4] * np.sqrt(30)


def test_stars_stand_and_slow_bodies_do_not() -> None:
    wide = {"size": 128, "frames": 30, "movers": 1, "stars": 0}
    sim = simulated(13, **wide, snr=(2.2, 2.3), rates=(0.45, 0.5))
    for image in sim.images:
        paint(image, np.array([40.0, 90.0]), 400.0, 3.0, (0.0, 0.0), None)
    order = np.arange(30)
    sigma = tracking.noise_of(sim.images, order)
    template, _ = tracking.sky_model(sim.images, sigma)
    stars = tracking.standing(sim.images, template, sigma, order, 3.0)
    assert stars[89:92, 39:42].all()
    x, y = np.round(sim.truth[0, :2]).astype(int)
    assert stars[y - 2 : y + 3, x - 2 : x + 3].mean() < 0.3
    assert stars.mean() < 0.02


def test_the_noise_of_every_frame_is_told_however_few_there_are() -> None:
    rng = np.random.default_rng(3)
    true = np.array([60.0, 20.0, 20.0, 25.0, 100.0])
    stars = rng.exponential(500, (200, 200)) * (rng.random((200, 200)) < 0.05)
    images = np.array([rng.normal(stars, each) for each in true], np.float32)
    assert tracking.noise_of(images, np.arange(5)) == pytest.approx(true, rel=0.1)
    images[3] = np.nan
    told = tracking.noise_of(images, np.arange(5))
    assert np.isinf(told[3])
    assert np.delete(told, 3) == pytest.approx(np.delete(true, 3), rel=0.1)


def test_a_bright_body_on_five_frames_of_different_depth() -> None:
    sim = simulated(14, size=160, frames=5, movers=1, stars=8, snr=(30, 40), rates=(5.0, 6.0))
    rng = np.random.default_rng(1)
    for number in (0, 4):
        sim.images[number] += rng.normal(0, 40, sim.images[number].shape)
    night = sim.series()
    tracks, decoys = tracking.search(night, 0.05, 8.0, 2)
    sightings = trackfit.sightings(night, tracks, decoys, 8.0)
    assert len(sightings) == 1
    assert len(matched(sim, sightings)) == 1


def test_a_slow_body_needs_less_than_a_fast_one(sim: Sim) -> None:
    night = sim.series()
    slow, fast = (trackfit.threshold(night, each, 5.0) for each in (0.5, 5.0))
    assert 0.3 < fast - slow < 1.5
    assert trackfit.search_sigma(night, 0.0, 5.0) >= tracking.SEARCH_SIGMA
