"""What tells a run that its old results are of another pipeline."""

from pathlib import Path

from photpipe.ground.program import sources_digest


def test_every_change_of_the_sources_changes_their_digest(tmp_path: Path) -> None:
    def digest_of(**texts: str) -> str:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        sources_digest.cache_clear()
        return sources_digest(tmp_path)

    first = digest_of(a="x = 1\n", b="y = 2\n")
    assert digest_of(a="x = 1\n") == first
    (tmp_path / "notes.txt").write_text("no source")
    assert digest_of() == first
    assert digest_of(a="x = 3\n") != first
    assert digest_of(a="x = 1\n", c="") != first
    (tmp_path / "c.py").unlink()
    assert digest_of() == first
    sources_digest.cache_clear()
