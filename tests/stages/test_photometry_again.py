"""pp_photometry after an earlier run: what did not change is taken, and nothing else is."""

import os
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from photpipe.astromatic import sextractor
from photpipe.catalogs.ldac import read_ldac_columns
from photpipe.fits.fitsfile import update_header
from photpipe.measure import stage
from photpipe.measure.memory import PhotometryMemory
from photpipe.measure.stage import PhotometryOptions, photometry
from photpipe.run.results import PhotometryResult, to_json
from photpipe.run.workspace import Workspace
from photpipe.science import saturation
from photpipe.science.saturation import BrightPixels, Ceilings, NightPixels
from tests.prepared import make_prepared

PROGRAMS = "of today"
FIXED = PhotometryOptions(aprad=(5.0,))  # three frames choose another aperture than two


@pytest.fixture
def frames(scene):
    return make_prepared(scene.frames, scene.camera)


@pytest.fixture
def extracted(monkeypatch):
    """Names of the frames that Source Extractor was given."""
    names = []

    def watched(frame, *words):
        names.append(frame.name)
        return extract_frame(frame, *words)

    extract_frame = sextractor.extract_frame
    monkeypatch.setattr(sextractor, "extract_frame", watched)
    return names


@pytest.fixture
def run(scene, settings):
    """One run of the stage, as pp_run does it: its result as text."""

    def run(frames, options=FIXED, programs=PROGRAMS):
        workspace = Workspace(scene.directory, settings, quiet=True, jobs=2, versions=programs)
        return to_json(photometry(frames, options, workspace))

    return run


def sources(frames):
    return [read_ldac_columns(path.with_suffix(".ldac")) for path in frames]


def are_alike(tables, others):
    return all(
        len(one) == len(other) and all(np.array_equal(one[n], other[n]) for n in one.colnames)
        for one, other in zip(tables, others, strict=True)
    )


def test_a_further_frame_alone_is_extracted(frames, run, extracted):
    run(frames[:2])
    left = [path.with_suffix(".ldac").read_bytes() for path in frames[:2]]
    extracted.clear()
    result = run(frames)
    assert extracted == [frames[2].name]
    assert [path.with_suffix(".ldac").read_bytes() for path in frames[:2]] == left
    tables = sources(frames)
    assert result == run(frames, programs="")  # as if nothing had been there
    assert are_alike(tables, sources(frames))


def test_what_nobody_changed_is_not_measured_again(frames, run, extracted):
    first = run(frames)
    extracted.clear()
    assert run(frames) == first
    assert not extracted


def spoil_pixels(frames):
    with fits.open(frames[1], mode="update") as hdus:
        hdus[0].data[300:310, 300:310] += 50


def spoil_header(frames):
    update_header(frames[1], {"GAIN": (2.5, "another")})


def spoil_catalog(frames):
    path = frames[1].with_suffix(".ldac")
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("spoil", [spoil_pixels, spoil_header, spoil_catalog])
def test_a_frame_that_changed_is_measured_again(frames, run, extracted, spoil):
    run(frames)
    extracted.clear()
    spoil(frames)
    result = run(frames)
    assert extracted == [frames[1].name]
    assert result == run(frames, programs="")


@pytest.mark.parametrize(
    "change",
    [
        {"options": replace(FIXED, snr=3.0)},
        {"options": PhotometryOptions()},
        {"programs": "of tomorrow"},
    ],
)
def test_other_options_or_programs_measure_all_frames_again(frames, run, extracted, change):
    run(frames)
    extracted.clear()
    run(frames, **change)
    assert sorted(extracted) == [path.name for path in frames]


def test_a_target_elsewhere_is_looked_for_again(frames, run, extracted, monkeypatch):
    run(frames, PhotometryOptions())
    extracted.clear()
    found = stage.target_positions

    def moved(*words):
        places = found(*words)
        return {path: replace(each, ra_deg=each.ra_deg + 1e-4) for path, each in places.items()}

    monkeypatch.setattr(stage, "target_positions", moved)
    run(frames, PhotometryOptions())
    assert sorted(extracted) == [path.name for path in frames]


def test_another_aperture_is_measured_on_catalogs_with_all_of_them(
    frames, run, extracted, monkeypatch
):
    run(frames)
    extracted.clear()
    choose = stage._choose

    def larger(*words):
        choice = choose(*words)
        return replace(choice, index=choice.index + 2)

    monkeypatch.setattr(stage, "_choose", larger)
    result = run(frames)
    assert sorted(extracted) == [path.name for path in frames]
    tables = sources(frames)
    assert result == run(frames, programs="")
    assert are_alike(tables, sources(frames))


def test_another_saturation_level_of_the_night_measures_all_frames_again(
    frames, run, extracted, monkeypatch
):
    run(frames[:2])
    extracted.clear()
    peak = max(fits.getdata(path).max() for path in frames)
    found = NightPixels.ceiling
    monkeypatch.setattr(
        NightPixels, "ceiling", lambda night: 0.9 * peak if len(night.frames) > 2 else found(night)
    )
    result = run(frames)
    assert sorted(extracted) == [path.name for path in frames]
    assert result == run(frames, programs="")


def test_nothing_is_kept_of_a_command_by_itself(frames, run, scene, settings):
    run(frames)
    run(frames, programs="")
    workspace = Workspace(scene.directory, settings)
    assert workspace.load(PhotometryMemory) is None
    assert workspace.load(PhotometryResult) is not None


def test_frames_make_a_night_in_any_order():
    rng = np.random.default_rng(5)
    bright = {
        str(number): BrightPixels(np.sort(rng.integers(900, 1000, 400) * 1.0), 1.0, 890.0 + number)
        for number in range(4)
    }
    bright["copy"] = bright["1"]
    whole = NightPixels().with_frames(bright)
    parts = NightPixels()
    for name in ("3", "copy", "0", "1", "2"):
        parts = parts.with_frames({name: bright[name]})
    assert np.array_equal(parts.values, whole.values)
    assert (parts.step, parts.floor) == (whole.step, whole.floor) == (1.0, 893.0)
    assert parts.tops == whole.tops
    assert parts.frames == whole.frames == set(bright)


def test_a_night_holds_no_more_than_its_brightest_pixels(monkeypatch):
    monkeypatch.setattr(saturation, "MOST_BRIGHT", 5)
    one, other = (BrightPixels(np.arange(n, n + 10.0), 1.0, float(n)) for n in (0, 4))
    night = Ceilings.of({"b": other}, before=NightPixels().with_frames({"a": one})).night
    assert night.values.tolist() == [9.0, 10.0, 11.0, 12.0, 13.0]
