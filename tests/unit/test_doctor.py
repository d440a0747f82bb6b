"""venh doctor: it finds what is wrong, says what to do, and goes on."""

from __future__ import annotations

import pytest

from venh_lib import doctor


def _finding(name: str) -> doctor.Check:
    return next(check for check in doctor.report() if check.name == name)


@pytest.fixture
def only(monkeypatch):
    """Restrict the report to some checks."""

    def restrict(*names: str) -> None:
        monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in names})

    return restrict


def test_the_encoders_of_the_challenge_are_found(only):
    only("libkvazaar", "libx265", "libx264", "ffv1", "VMAF")
    assert [check.status for check in doctor.report()] == [doctor.WORKS] * 5


def test_a_missing_encoder_is_broken_and_has_advice(only, monkeypatch, tmp_path):
    only("libkvazaar", "libx264", "ffv1", "VMAF")
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho ' V..... libx264 \n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    kvazaar, x264, ffv1, vmaf = doctor.report()
    for missing in (kvazaar, ffv1):
        assert missing.status == doctor.BROKEN and "imageio-ffmpeg" in missing.advice
    assert x264.status == doctor.WORKS
    assert vmaf.status == doctor.OPTIONAL and vmaf.advice


def test_an_ffmpeg_that_is_not_there_is_broken(only, monkeypatch, tmp_path):
    only("libx264", "VMAF", "Python")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    x264, vmaf, python = doctor.report()
    for broken in (x264, vmaf):
        assert broken.status == doctor.BROKEN and "none does not start" in broken.found
    assert python.status == doctor.WORKS


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """Weights of one method, shipped for one track."""
    from venh_lib import checkpoints, methods

    monkeypatch.setenv("VENH_DATA", str(tmp_path))
    method = methods.get("arcnn")
    path = checkpoints.shipped(method, 1)
    checkpoints.save(path, method.build("course"), {"method": "arcnn", "preset": "course"})
    return path


def test_weights_are_listed_and_absent_ones_can_be_trained(only, shipped):
    only("weights")
    finding = _finding("weights")
    assert (finding.status, finding.found) == (doctor.WORKS, "arcnn (track 1)")
    assert "`venh train` makes those of" in finding.advice
    assert "dncnn (track 1)" in finding.advice and "arcnn (track 1)" not in finding.advice
    shipped.unlink()
    finding = _finding("weights")
    assert (finding.status, finding.found) == (doctor.OPTIONAL, "none") and "arcnn (track 1)" in finding.advice


def test_altered_weights_are_broken_and_named(only, shipped):
    only("weights")
    data = bytearray(shipped.read_bytes())
    data[-1] ^= 1
    shipped.write_bytes(data)
    finding = _finding("weights")
    assert finding.status == doctor.BROKEN and f"{shipped} has sha256" in finding.found and "altered" in finding.found
    shipped.with_suffix(".json").unlink()
    finding = _finding("weights")
    assert finding.status == doctor.BROKEN and "get both files again" in finding.found


def test_files_of_the_sample_set_that_are_missing_are_named(only, monkeypatch, tmp_path):
    from venh_lib import dataset

    only("sample set")
    files = [f"clips/{name}.mkv" for name in "abcde"]
    monkeypatch.setattr(dataset, "manifest", lambda: [{"file": file} for file in files])
    monkeypatch.setenv("VENH_DATA", str(tmp_path))
    (tmp_path / "clips").mkdir()
    (tmp_path / files[1]).touch()
    finding = _finding("sample set")
    assert finding.status == doctor.BROKEN and "restore data/" in finding.advice
    assert "4 of 5 files are missing" in finding.found
    assert finding.found.endswith("clips/a.mkv, clips/c.mkv, clips/d.mkv …")
    for file in files:
        (tmp_path / file).touch()
    assert _finding("sample set").status == doctor.WORKS


def test_an_unknown_setting_is_named(only, monkeypatch):
    only("settings", "Python")
    monkeypatch.setenv("VENH_CASHE", "x")
    broken, python = doctor.report()
    assert broken.status == doctor.BROKEN and "VENH_CASHE" in broken.found
    assert python.status == doctor.WORKS


def test_hm_that_is_not_a_program_is_broken(only, monkeypatch, tmp_path):
    only("HM")
    assert _finding("HM").status == doctor.OPTIONAL
    encoder = tmp_path / "bin" / "TAppEncoderStatic"
    encoder.parent.mkdir()
    encoder.write_text("#!/bin/sh\n")
    monkeypatch.setenv("VENH_HM", str(encoder))
    assert _finding("HM").status == doctor.BROKEN
    encoder.chmod(0o755)
    assert "encoder_lowdelay_P_main.cfg" in _finding("HM").found
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "encoder_lowdelay_P_main.cfg").touch()
    assert _finding("HM").status == doctor.WORKS


def test_an_incomplete_ldv_names_the_zips_to_unpack(only, monkeypatch, tmp_path):
    only("LDV")
    assert _finding("LDV").status == doctor.OPTIONAL
    monkeypatch.setenv("VENH_LDV", str(tmp_path / "nowhere"))
    assert _finding("LDV").status == doctor.BROKEN
    (tmp_path / "test_raw_1").mkdir()
    for number in range(1, 11):
        (tmp_path / "test_raw_1" / f"{number:03d}.mkv").touch()
    monkeypatch.setenv("VENH_LDV", str(tmp_path))
    finding = _finding("LDV")
    assert finding.status == doctor.BROKEN
    assert "test_fixed-QP_release.zip" in finding.advice and "test_raw_1.zip" not in finding.advice


def test_a_device_that_is_not_there_is_broken(only, monkeypatch):
    only("device")
    monkeypatch.setenv("VENH_DEVICE", "cuda:99")
    assert _finding("device").status == doctor.BROKEN


def test_the_cache_is_measured(only, monkeypatch, tmp_path):
    only("cache")
    monkeypatch.setenv("VENH_CACHE", str(tmp_path))
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "x").write_bytes(bytes(2**24))
    finding = _finding("cache")
    assert finding.found.startswith("0.02 of 16 GiB") and not finding.advice
    monkeypatch.setenv("VENH_CACHE_GIB", "0.01")
    finding = _finding("cache")
    assert finding.status == doctor.WORKS
    assert "least recently" in finding.advice and "delete all in it but `trainings`" in finding.advice


def test_every_check_is_reported_in_order(monkeypatch):
    from venh_lib.errors import VenhError

    def fail():
        raise VenhError("it is gone")

    monkeypatch.setattr(doctor, "CHECKS", {"one": fail, "two": doctor.CHECKS["Python"]})
    one, two = doctor.report()
    assert (one.name, one.status, one.found) == ("one", doctor.BROKEN, "it is gone")
    assert two.status == doctor.WORKS
