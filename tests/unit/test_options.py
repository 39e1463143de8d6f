"""Options are told once: what a stage declares reaches its parser, pp_run, and the stage again."""

import dataclasses
import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.command import cli
from photpipe.measure.stage import PhotometryOptions
from photpipe.run import kinds
from photpipe.run.options import Option, options_of
from photpipe.runner.options import HEADINGS, RunOptions, run_options, told, with_card_of_filter

COMMANDS = (
    *("pp_prepare", "pp_extract", "pp_register", "pp_photometry", "pp_calibrate", "pp_distill"),
    *("pp_combine", "pp_stackedphotometry", "pp_manident", "pptool_lightcurve", "pptool_aavso"),
    *("pptool_alcdef", "pptool_mpcreport", "pptool_phasecurve", "pp_movers"),
)
NO_OPTIONS = {"only_failed", "asks_horizons"}  # what the chain tells a stage, and the user cannot


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_is_an_option_with_words(name: str) -> None:
    kind = importlib.import_module(name).COMMAND.options_class
    declared = options_of(kind)
    assert {each.name for each in dataclasses.fields(kind)} - declared.keys() <= NO_OPTIONS
    assert all(option.help for option, _ in declared.values())


def test_a_new_option_of_a_stage_is_one_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Grown(PhotometryOptions):
        depth: float | None = Option("a new one", kinds.positive, "MAG").field(None)
        inside: bool = Option("not for the whole").field(False, in_run=None)

    field = next(each for each in dataclasses.fields(RunOptions) if each.name == "photometry")
    monkeypatch.setattr(field, "default_factory", Grown)
    offered = run_options()
    assert offered["depth"][0].group == "photometry"
    assert "inside" not in offered
    assert RunOptions.of(depth=3.0).photometry.depth == 3.0


def test_no_word_means_two_things() -> None:
    meant: dict[str, object] = {}
    for stage in HEADINGS:
        for name, (option, _) in options_of(type(getattr(RunOptions(), stage))).items():
            if option.in_run is not None:
                word = option.in_run or name
                assert meant.setdefault(word, option.kind) == option.kind, word


def test_what_was_said_comes_back() -> None:
    said = {"target": "433", "regcat": "GAIA", "fixed_aprad": (5.0,), "flipx": True, "force": True}
    options = RunOptions.of(**said)
    assert options.said() == said
    assert options.distill.target == options.photometry.target == "433"
    assert pickle.loads(pickle.dumps(options)) == options
    assert RunOptions.of(filter="V").prepare.filter is None
    assert RunOptions.of(filter="V", telescope="generic").prepare.filter == "V"
    with pytest.raises(TypeError, match="no option fliq"):
        RunOptions.of(fliq=1)


def test_values_that_nobody_said_are_left_to_the_stages() -> None:
    values = cli.parsed(importlib.import_module("pp_run").COMMAND, ["a.fits"])
    said = {name: getattr(values, name) for name in run_options()}
    assert told(RunOptions.of(**said)) == {}


def test_a_card_of_the_filter_is_a_word_to_pp_prepare(tmp_path: Path) -> None:
    frame = tmp_path / "a.fits"
    fits.PrimaryHDU(np.zeros((4, 4)), fits.Header({"MYFILT": "R"})).writeto(frame)

    def sorted_out(**said: str) -> tuple[str | None, str | None]:
        options = with_card_of_filter(RunOptions.of(**said), [frame])
        return options.prepare.filter, options.calibrate.filter

    assert sorted_out(filter="MYFILT") == ("MYFILT", None)
    assert sorted_out(filter="V") == (None, "V"), "a band is a word to the calibration"
    assert sorted_out(filter="NOFILT") == (None, "NOFILT"), "refused later, with advice"
    assert sorted_out() == (None, None)
