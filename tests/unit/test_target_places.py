"""Where pp_register looks for lost frames: at the positions of their targets."""

from types import SimpleNamespace

from photpipe.ground.errors import UnknownTargetError
from photpipe.register import blind
from photpipe.run.settings import Settings


def test_a_name_without_a_position_is_asked_for_once(monkeypatch):
    asked = []

    def nothing(name, *_):
        asked.append(name)
        raise UnknownTargetError("JPL Horizons", name, "not known")

    monkeypatch.setattr(blind.horizons, "positions", nothing)
    telescope = SimpleNamespace(observer="500")
    frame = SimpleNamespace(object_name="nobody", midtime_jd=2457786.9, telescope=telescope)
    unknown: set[str] = set()
    for _ in range(2):
        assert blind.target_places([frame, frame], Settings(), unknown) == ()
    assert asked == ["nobody"]
